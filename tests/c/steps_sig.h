/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_STEPS_H
#define RSH_TESTS_STEPS_H

/*
 * Unwinding at every instruction of a piece of a program, against the truth.
 *
 * With the processor's trap flag set each instruction ends in SIGTRAP. Its handler watches calls
 * push their return addresses and the stack pointer pass them again, and so knows the stack without
 * knowing how any function is compiled; then it lets both walkers guess.
 */

#include <stddef.h>
#include <stdint.h>

#define STEPS_BASE_MAX 64
#define STEPS_MISSES   12

struct steps_score {
	uint64_t leaf;  /* the interrupted pc and its caller are right */
	uint64_t root;  /* the walk says that it has come to the end, and has */
	uint64_t exact; /* all frames are right, no more and no less */
};

struct steps_miss {
	uintptr_t pc, sp, got, want;
	uint32_t frame, n, depth;
	int end;
};

struct steps_log {
	uint64_t steps;
	uint64_t depth; /* of the deepest stack */
	struct steps_score tables, frame_pointers;
	uint64_t tables_guessed;
	struct steps_miss misses[STEPS_MISSES]; /* of the walk by tables */
	uint32_t missed;
};

/*
 * Step through the calling function, whose callers' return addresses are the @n at @base, and what
 * it calls, until steps_off_sig() returns; results go to @log. Returns 0 or an errno constant.
 */
int steps_prepare_sig(struct steps_log *log, const uintptr_t *base, size_t n);
void steps_on_sig(void);
void steps_off_sig(void);

#endif /* RSH_TESTS_STEPS_H */
