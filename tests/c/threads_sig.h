/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_THREADS_H
#define RSH_TESTS_THREADS_H

/* What a program may do past libc and the detector. */

/* Send SIGPROF @n times to the calling thread, each handled before the next one is sent. */
void send_sig(unsigned int n);

/*
 * A thread made by a raw clone, which shares its maker's thread-local variables. It is busy until
 * clone_end_sig(), which waits for its end. Returns its id, or a negative error.
 */
int clone_start_sig(void);
void clone_end_sig(void);

#endif /* RSH_TESTS_THREADS_H */
