/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_READER_H
#define RSH_CPUPROF_READER_H

/*
 * The thread that empties rings and looks for threads.
 *
 * It has to be a thread: rings run full in programs that never call anything of ours, and nobody else
 * notices a raw clone. It is libc's, made past the detector, so that no detector counts it or shows
 * it; therefore it allocates nothing and calls nothing that a detector intercepts. A raw clone of our
 * own would do for that too, but not for locks of libc's, which know a thread by what libc has set up.
 */

/* Start it: it works as soon as there is a session. Returns 0 or EAGAIN. */
int rshi_reader_start(void);

/* Let it end, and wait for that. */
void rshi_reader_stop(void);

/* In a forked child, which has no such thread. */
void rshi_reader_forked(void);

#endif /* RSH_CPUPROF_READER_H */
