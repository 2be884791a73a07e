/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that nothing points to at exit, one block through another: direct and indirect leaks.
 * detector: asan lsan
 * machine: yes
 */
#include <pthread.h>
#include <stdlib.h>

struct node {
	struct node *next;
	char room[32];
};

static __attribute__((noinline)) struct node *new_node(struct node *next)
{
	struct node *n = (struct node *)malloc(sizeof(*n));

	n->next = next;
	return n;
}

/* In a thread, since its stack and registers do not outlive it. */
static void *loses_list(void *arg)
{
	new_node(new_node(NULL));
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, loses_list, NULL);
	pthread_join(t, NULL);
	return 0;
}
