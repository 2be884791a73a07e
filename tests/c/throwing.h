/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_THROWING_H
#define RSH_TESTS_THROWING_H

#ifdef __cplusplus
extern "C" {
#endif

/* Throw an exception through @depth functions with destructors; 0 if it came out as it should. */
int throw_and_catch(int depth);

#ifdef __cplusplus
}
#endif

#endif /* RSH_TESTS_THROWING_H */
