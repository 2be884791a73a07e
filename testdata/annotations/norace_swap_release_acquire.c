/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boxes travel through one slot by an atomic exchange that TSan cannot see. Each swap is both
 * sides at once: it publishes the box put in and takes over the box found there.
 *
 * control: data race in fill_box, open_box
 * annotation: RSH_RACE_RELEASE_ACQUIRE
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static struct box {
	int content;
} boxes[3];
static void *slot;
static int lock, swaps;

NOINLINE static void fill_box(struct box *box)
{
	box->content = 42;
}

NOINLINE static int open_box(const struct box *box)
{
	return box ? box->content : 0;
}

static struct box *swap(struct box *box)
{
	struct box *found;

	hidden_lock(&lock); /* the annotation's order must be the exchange's */
	PROVE(RSH_RACE_RELEASE_ACQUIRE(&slot));
	found = hidden_exchange(&slot, box);
	hidden_unlock(&lock);
	hidden_post(&swaps);
	return found;
}

static void *first(void *arg)
{
	fill_box(&boxes[0]);
	return swap(&boxes[0]) ? NULL : arg;
}

static void *second(void *arg)
{
	hidden_wait(&swaps, 1);
	fill_box(&boxes[1]);
	return open_box(swap(&boxes[1])) == 42 ? arg : NULL;
}

static void *third(void *arg)
{
	hidden_wait(&swaps, 2);
	return open_box(swap(&boxes[2])) == 42 ? arg : NULL;
}

int main(void)
{
	run_three(first, second, third);
	return 0;
}
