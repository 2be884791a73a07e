/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library without instrumentation reads a list. To check its values takes a walk of our own,
 * which only a build with a memory detector should pay for: RSH_MEM_ENABLED guards it.
 *
 * detector: memory
 * report: use-of-uninitialized-value in check_values
 * control: clean
 * annotation: RSH_MEM_ENABLED
 * uninstrumented: helper_hidden.c
 */
#include <stdlib.h>

#include <raceshim/annotate.h>

#include "hidden.h"

struct node {
	struct node *next;
	int value;
};

NOINLINE static void check_values(const struct node *node)
{
	for (; node; node = node->next)
		RSH_MEM_READ(&node->value, sizeof(node->value));
}

NOINLINE static void library_walk(const struct node *head)
{
	if (PROVE_OR(RSH_MEM_ENABLED, 0))
		check_values(head);
	hidden_sum(&head->value, sizeof(head->value));
}

int main(void)
{
	struct node *head = malloc(sizeof(*head));

	if (!head)
		return 1;
	head->next = NULL; /* and no value */
	library_walk(head);
	free(head);
	return 0;
}
