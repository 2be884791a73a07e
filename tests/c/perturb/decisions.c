/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Print what the library would do: to the main thread at so many events, and to a thread of each of
 * its two children. `decisions WISH EVENTS`.
 */

#include <linux/time_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "perturb/perturb.h"

long told(long number, long a, long b, long c);

static const char *const names[] = {
        [RSHI_TAKES] = "takes", [RSHI_GIVES] = "gives", [RSHI_MAKES] = "makes", "begins"};
static const enum rshi_event turns[] = {RSHI_TAKES, RSHI_GIVES, RSHI_MAKES};
static int events;

long told(long number, long a, long b, long c)
{
	if (number == SYS_sched_getaffinity) {
		((unsigned long *)c)[0] = 0xb; /* processors 0, 1 and 3 */
		return 8;
	}
	if (number == SYS_getcpu) {
		*(unsigned *)a = 1;
		return 0;
	}
	if (number == SYS_nanosleep) {
		const struct __kernel_timespec *wait = (const void *)a;

		printf("sleep %lld\n", (long long)(wait->tv_sec * 1000000 + wait->tv_nsec / 1000));
	} else if (number == SYS_sched_setaffinity) {
		printf("move %#lx\n", ((unsigned long *)c)[0]);
	} else if (number == SYS_setpriority) {
		printf("nice %ld\n", c);
	} else if (number == SYS_sched_yield) {
		puts("yield");
	} else {
		printf("system call %ld %ld\n", number, b);
	}
	return 0;
}

static void *grandchild(void *arg)
{
	for (int i = 0; i < events; i++)
		rshi_perturb(RSHI_GIVES, NULL);
	return arg;
}

static void *child(void *arg)
{
	void *mine = rshi_perturb_child(grandchild, arg);

	printf("%s\n", names[RSHI_BEGINS]);
	return mine ? rshi_perturb_begin(mine) : grandchild(arg);
}

int main(int argc, char **argv)
{
	char *environment[] = {"PATH=/bin", argc > 1 ? argv[1] : NULL, NULL};
	char word = 0;

	events = argc > 2 ? atoi(argv[2]) : 0;
	rshi_perturb_init(environment, false);
	for (int i = 0; i < events; i++) {
		printf("%s\n", names[turns[i % 3]]);
		rshi_perturb(turns[i % 3], NULL);
	}
	for (int i = 0; i < 2; i++) {
		void *made = rshi_perturb_child(child, &word);

		/* One after the other, in this thread: what they do follows from their place alone. */
		if ((made ? rshi_perturb_begin(made) : child(&word)) != &word)
			return 1;
	}
	return 0;
}
