/* SPDX-License-Identifier: BSD-2-Clause */
/* The policies: what is done at an event. */

#include <linux/resource.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "perturb.h"
#include "system.h"
#include "turns.h"

#define WISH "RACESHIM_PERTURB="

/* One of 4 events is held up at first; of those after the 64th ever fewer, so that a program that
   locks a million times becomes hardly slower. */
#define CHANCE     64u
#define OFTEN      64u
/* Of plain accesses and atomic operations one in half as many is held up, at first. */
#define TOUCHES    64u
#define MEETS      4u
/* So many threads may be between their making and their first function. */
#define SLOTS      1024u
/* Of pct: a thread loses its priority so often, within about so many (2^n) of its events. */
#define CHANGES    3u
#define SPAN_LOG   9u
/* Processors that can be named; more exist nowhere that a test runs. */
#define MASK_WORDS 16

enum policy { NONE, NOISE, PCT };

static enum policy policy; /* immutable after rshi_perturb_init */
static bool in_front, turns;
static uint64_t seed;
static uint64_t processors[MASK_WORDS]; /* those that the process was given */
static uint32_t processor_count;

struct thread {
	uint64_t place; /* in the tree; 0 until it is known */
	uint64_t random;
	uint32_t events;
	uint32_t children;
	uint32_t touches;          /* at which it was held up */
	uint32_t changes[CHANGES]; /* events at which pct takes the priority away */
};
static __thread struct thread self __attribute__((tls_model("initial-exec")));

/* A thread on its way: from who makes it to itself. */
struct slot {
	void *(*start)(void *);
	void *arg;
	uint64_t place;
	uint32_t processor; /* of who has made it */
	uint32_t taken;     /* atomic */
};
static struct slot slots[SLOTS];

static uint64_t draw(void)
{
	self.random = rshi_mix(self.random);
	return self.random;
}

/* Never back: without privileges a thread may only ask for less. */
static void sink_to(long nice)
{
	(void)rshi_syscall(__NR_setpriority, PRIO_PROCESS, 0, nice, 0, 0, 0);
}

static void move_to(uint32_t processor)
{
	uint64_t mask[MASK_WORDS] = {0};

	if (processor >= 64u * MASK_WORDS)
		return;
	mask[processor / 64] = (uint64_t)1 << processor % 64;
	(void)rshi_syscall(__NR_sched_setaffinity, 0, sizeof(mask), (long)mask, 0, 0, 0);
}

static void move_anywhere(void)
{
	(void)rshi_syscall(__NR_sched_setaffinity, 0, sizeof(processors), (long)processors, 0, 0,
	                   0);
}

/* Return the nth of the processors that there are. */
static uint32_t processor_at(uint32_t nth)
{
	for (uint32_t i = 0; i < 64u * MASK_WORDS; i++)
		if (processors[i / 64] >> i % 64 & 1 && !nth--)
			return i;
	return 64u * MASK_WORDS;
}

static uint32_t processor_here(void)
{
	uint32_t here = 0;

	(void)rshi_syscall(__NR_getcpu, (long)&here, 0, 0, 0, 0, 0);
	return here;
}

static void know_self(uint64_t place)
{
	self.place = place | 1; /* never 0 */
	self.random = rshi_mix(place);
	rshi_mine.left = rshi_mine.meets = 1;
	if (turns)
		rshi_turns_begin(self.random);
	for (unsigned i = 0; i < CHANGES; i++) {
		const uint64_t word = draw();

		/* As likely among the first two events as among the next two, four, ... */
		self.changes[i] =
		        1 + (uint32_t)((word >> 8) & ((1u << (word % (SPAN_LOG + 1))) - 1));
	}
}

/* Read which it is: `noise:17`. */
void rshi_perturb_init(char **environment, bool front)
{
	static const char *const names[] = {[NOISE] = "noise:", [PCT] = "pct:"};
	const char *wish = NULL;
	long bytes;

	for (; !wish && *environment; environment++) {
		size_t n = 0;

		while (WISH[n] && (*environment)[n] == WISH[n])
			n++;
		if (!WISH[n])
			wish = *environment + n;
	}
	if (!wish)
		return;
	bytes = rshi_syscall(__NR_sched_getaffinity, 0, sizeof(processors), (long)processors, 0, 0,
	                     0);
	for (unsigned i = 0; bytes > 0 && i < 64u * MASK_WORDS; i++)
		processor_count += processors[i / 64] >> i % 64 & 1;
	for (enum policy each = NOISE; each <= PCT; each++) {
		const char *name = names[each], *rest = wish;

		while (*name && *name == *rest)
			name++, rest++;
		if (*name)
			continue;
		for (; *rest >= '0' && *rest <= '9'; rest++)
			seed = seed * 10 + (uint64_t)(*rest - '0');
		policy = each;
	}
	if (!policy)
		return;
	in_front = front;
	turns = policy == PCT && front && rshi_turns_init(seed);
	know_self(rshi_mix(seed));
}

/* Hold the thread up, at this many of 256 events. */
static void make_noise(uint32_t chance)
{
	const uint64_t word = draw();
	const uint64_t amount = word >> 32;

	if ((word & 0xff) >= chance)
		return;
	switch (word >> 8 & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		rshi_give_way(1 + amount % 4);
		return;
	case 5:
	case 6:
		rshi_nap(1 + amount % 100);
		return;
	case 7:
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13: /* as likely below 0.2 ms as below 0.3, 0.4, 0.7, ..., 4.9: others take so long */
		rshi_nap(100 + amount % ((uint64_t)75 << (amount >> 28) % 7));
		return;
	case 14:
		if (processor_count > 1)
			move_to(processor_at((uint32_t)amount % processor_count));
		return;
	default:
		move_anywhere();
	}
}

static void change_priority(void)
{
	for (unsigned i = 0; i < CHANGES; i++)
		if (self.changes[i] == self.events) {
			sink_to(19);
			rshi_nap(200 + (draw() >> 32) % 2000);
			return;
		}
}

/* A thread that was made past us: as the process has seen none before. */
static void know_stranger(void)
{
	if (!self.place)
		know_self(rshi_mix(seed ^ (uint64_t)(uintptr_t)&self));
}

static uint32_t chance_of(enum rshi_event event)
{
	/* Where most races are decided. In each second run all threads come late, some more so. */
	if (event == RSHI_BEGINS)
		return seed & 1 ? 4 * CHANCE : CHANCE;
	return self.events <= OFTEN ? CHANCE : (CHANCE * OFTEN + self.events - 1) / self.events;
}

void rshi_perturb(enum rshi_event event, const void *object)
{
	if (!policy || rshi_mine.inside)
		return;
	rshi_mine.inside = true;
	know_stranger();
	self.events++;
	if (turns)
		rshi_turns_event(event, object);
	else if (event == RSHI_RESTS || event == RSHI_ENDS)
		; /* it is held up already */
	else if (policy == PCT)
		change_priority();
	else
		make_noise(chance_of(event));
	/* Behind what synchronises, before it is undone, others can come in between. */
	if (policy == NOISE && (event == RSHI_TAKES || event == RSHI_LOCKS) &&
	    self.events <= OFTEN && (draw() & 1))
		rshi_mine.left = rshi_mine.meets = 1;
	rshi_mine.inside = false;
}

/* Accesses are many: they are held up ever more seldom. */
static void touch(enum rshi_event event)
{
	const uint32_t rare = self.touches / OFTEN < 16 ? self.touches / OFTEN : 16;

	if (rshi_mine.left == 0 || rshi_mine.meets == 0) {
		make_noise(event == RSHI_MEETS ? 2 * CHANCE : 256);
		self.touches++;
	}
	if (rshi_mine.left == 0)
		rshi_mine.left = 1 + (uint32_t)(draw() >> 32) % (TOUCHES << rare);
	if (rshi_mine.meets == 0)
		rshi_mine.meets = 1 + (uint32_t)(draw() >> 32) % (MEETS << rare);
}

void rshi_perturb_due(enum rshi_event event)
{
	if (!policy || rshi_mine.inside)
		return;
	rshi_mine.inside = true;
	know_stranger();
	if (turns)
		rshi_turns_event(event, NULL);
	else if (policy == NOISE)
		touch(event);
	rshi_mine.inside = false;
}

/* What a thread was made for. */
struct begun {
	void *(*start)(void *);
	void *arg;
};

/* A function of its own, so that nothing keeps its caller from going on by a jump. */
__attribute__((noinline)) static struct begun arrive(void *child)
{
	/* [PE1] acquire, pairs with [PE2]: the slot is ours from the making of this thread on. */
	struct slot *slot = child;
	const struct slot mine = *slot;
	static const signed char levels[] = {0, 1, 5, 19};
	uint64_t word;

	/* [PE3] release, pairs with [PE4]: the slot has been read. */
	__atomic_store_n(&slot->taken, 0, __ATOMIC_RELEASE);
	know_self(mine.place);
	word = draw();
	if (policy == PCT && !turns) {
		sink_to(levels[word & 3]);
	} else if (policy == NOISE && !in_front && (word & 7) == 0) {
		/*
		 * A detector that is linked into the program lets a new thread and its maker wait
		 * for each other behind us, so a delay here would hold up both. On the maker's
		 * processor with less priority it comes last, and with more it comes first.
		 */
		sink_to(10);
		move_to(mine.processor);
	}
	rshi_perturb(RSHI_BEGINS, NULL);
	return (struct begun){mine.start, mine.arg};
}

void *rshi_perturb_begin(void *child)
{
	const struct begun begun = arrive(child);

	return begun.start(begun.arg); /* no frame of ours is left */
}

void *rshi_perturb_child(void *(*start)(void *), void *arg)
{
	uint32_t first;

	if (!policy || !self.place)
		return NULL;
	self.children++;
	first = (uint32_t)rshi_mix(self.place + self.children);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[(first + i) % SLOTS];
		uint32_t no = 0;

		/* [PE4] acquire, pairs with [PE3]: whoever had it before has read it. */
		if (!__atomic_compare_exchange_n(&slot->taken, &no, 1, 0, __ATOMIC_ACQUIRE,
		                                 __ATOMIC_RELAXED))
			continue;
		/* [PE2] released by the making of the thread, pairs with [PE1]. */
		slot->start = start;
		slot->arg = arg;
		slot->place = rshi_mix(self.place ^ (uint64_t)self.children << 40);
		slot->processor = processor_here();
		return slot;
	}
	return NULL;
}
