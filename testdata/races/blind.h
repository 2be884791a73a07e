/* SPDX-License-Identifier: BSD-2-Clause */
/* A store in code that no detector has seen (blind.c, `uninstrumented: blind.c`). */
#ifndef BLIND_H
#define BLIND_H

void blind_store(int *to, int value);

#endif
