/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_THREADS_H
#define RSH_CPUPROF_THREADS_H

/* What the kernel tells about this process's threads, in /proc. */

/* Call @see for each thread that there is. Returns 0, or why they cannot be listed. */
int rshi_threads_list_sig(void (*see)(int tid));

/* The name of a thread to @name, of 16 bytes, which stays as it is if the thread is gone. */
void rshi_threads_name_sig(int tid, char *name);

/* Whether a thread holds back SIGPROF. */
int rshi_threads_blocks_sig(int tid);

#endif /* RSH_CPUPROF_THREADS_H */
