/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_OWN_ALLOCATOR_H
#define RSH_TESTS_OWN_ALLOCATOR_H

/* An allocator of the program's, which calls the program; under a detector, the detector's hooks do. */

/* From now on, for each block that is allocated or freed, by whomever. */
void own_allocator_calls(void (*function)(void));

#endif /* RSH_TESTS_OWN_ALLOCATOR_H */
