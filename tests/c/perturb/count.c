/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of the policies: count what the hooks tell, and say it at the end. */

#include <stddef.h>
#include <stdio.h>

#include "perturb/perturb.h"

static unsigned counts[RSHI_TOUCHES + 1];

__thread struct rshi_mine rshi_mine;
uint32_t rshi_turn;

void rshi_perturb_init(char **environment, bool in_front)
{
	(void)environment;
	(void)in_front;
}

void rshi_perturb_due(enum rshi_event event)
{
	rshi_perturb(event, NULL);
}

void rshi_perturb(enum rshi_event event, const void *object)
{
	(void)object;
	__atomic_fetch_add(&counts[event], 1, __ATOMIC_RELAXED); /* counter only */
}

void *rshi_perturb_child(void *(*start)(void *), void *arg)
{
	(void)start;
	(void)arg;
	return NULL;
}

void *rshi_perturb_begin(void *child)
{
	return child;
}

__attribute__((destructor)) static void tell(void)
{
	(void)fprintf(stderr, "events %u %u %u\n",
	              counts[RSHI_LOCKS] + counts[RSHI_TAKES] + counts[RSHI_TRIES],
	              counts[RSHI_GIVES], counts[RSHI_MAKES]);
}
