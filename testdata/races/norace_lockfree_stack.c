/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock-free stack: push releases the node it links in, take-all acquires the whole chain. The
 * control pushes with a relaxed exchange.
 *
 * control: data race in fill_node, sum_nodes
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stddef.h>

#include "step.h"

#ifdef RSH_CONTROL
#define PUSH_ORDER __ATOMIC_RELAXED
#else
#define PUSH_ORDER __ATOMIC_RELEASE
#endif

struct node {
	struct node *next;
	long value;
};

static struct node *top;
struct node nodes[2];

static NOINLINE void fill_node(struct node *node, long value)
{
	node->value = value;
}

static void push(struct node *node)
{
	struct node *seen = __atomic_load_n(&top, __ATOMIC_RELAXED);

	do
		__atomic_store_n(&node->next, seen, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&top, &seen, node, 1, PUSH_ORDER, __ATOMIC_RELAXED));
}

static NOINLINE long sum_nodes(struct node *node)
{
	long sum = 0;

	for (; node != NULL; node = __atomic_load_n(&node->next, __ATOMIC_RELAXED))
		sum += node->value;
	return sum;
}

static void *worker(void *arg)
{
	fill_node(&nodes[0], 30);
	push(&nodes[0]);
	fill_node(&nodes[1], 12);
	push(&nodes[1]);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	long sum;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	sum = sum_nodes(__atomic_exchange_n(&top, NULL, __ATOMIC_ACQUIRE));
	pthread_join(thread, NULL);
	return sum != 42;
}
