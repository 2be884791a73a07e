/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that another process reads and writes, which Memcheck cannot see. It looks at every
 * instruction of this one, so here lies what RSH_MEM_READ and RSH_MEM_WRITE are for.
 */
#ifndef SHARED_BLOCK_H
#define SHARED_BLOCK_H

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

/* A block that nobody has written yet. */
static inline char *new_shared_block(size_t size)
{
	void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		abort();
	RSH_MEM_MALLOC(block, size);
	return block;
}

/* Have another process do something, and wait for it. */
static inline void in_other_process(void (*work)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		work();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		abort();
}

#endif
