/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library without instrumentation walks a list. Saying so takes a walk of our own, which only
 * a build with a race detector should pay for: RSH_RACE_ENABLED guards it.
 *
 * report: data race in announce_walk, change_tail
 * control: clean
 * annotation: RSH_RACE_ENABLED
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

struct node {
	struct node *next;
	int value;
};

static struct node tail = {.value = 2}, head = {.next = &tail, .value = 1};
static int walked;

NOINLINE static void announce_walk(const struct node *node)
{
	for (; node; node = node->next)
		RSH_RACE_READ_OBJECT(node);
}

NOINLINE static unsigned library_walk(void)
{
	if (PROVE_OR(RSH_RACE_ENABLED, 0))
		announce_walk(&head);
	return hidden_sum(&head, sizeof(head)) + hidden_sum(&tail, sizeof(tail));
}

NOINLINE static void change_tail(void)
{
	tail.value = 3;
}

static void *walker(void *arg)
{
	unsigned sum = library_walk();

	hidden_post(&walked);
	return sum ? arg : NULL;
}

static void *changer(void *arg)
{
	hidden_wait(&walked, 1);
	change_tail();
	return arg;
}

int main(void)
{
	run_two(walker, changer);
	return 0;
}
