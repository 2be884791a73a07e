/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of a thread, and the last ones. Not in a handler, but under the same rules:
 * the detector has not heard of the thread yet, or has forgotten it.
 */

#include <stddef.h>

#include "births.h"
#include "sys.h"

#define BIRTHS 256 /* threads that are being made at the same time; for more there is the kernel */
#define ROUNDS 4   /* PTHREAD_DESTRUCTOR_ITERATIONS */

struct rshi_birth {
	uint32_t is_used;   /* atomic */
	uint32_t is_mapped; /* immutable: the kernel's, to be given back to it */

	/* from who makes the thread to the thread */
	void *(*start)(void *arg);
	void *arg;
	struct {
		const struct rshi_follower *follower;
		uint64_t note; /* 0: it does not follow */
	} by[RSHI_FOLLOWERS];
};

static struct rshi_birth births[BIRTHS];
static uint32_t at;                                           /* atomic, a hint */
static const struct rshi_follower *followers[RSHI_FOLLOWERS]; /* atomic */

static int (*keep)(unsigned int key, const void *value); /* atomic; stored once, after the key */
static unsigned int key_of_all;

/* By their addresses: in which round of destructors a value of the key is found. */
static const char rounds[ROUNDS + 1];

void rshi_births_add_sig(enum rshi_follower_place place, const struct rshi_follower *follower)
{
	/* [CF1] release, pairs with [CF2]: what the follower needs is there. */
	__atomic_store_n(&followers[place], follower, __ATOMIC_RELEASE);
}

void rshi_births_keep_sig(int (*set)(unsigned int key, const void *value), unsigned int key)
{
	key_of_all = key;
	/* [CK1] release, pairs with [CK2]: the key. */
	__atomic_store_n(&keep, set, __ATOMIC_RELEASE);
}

static const struct rshi_follower *follower_at(int place)
{
	/* [CF2] acquire, pairs with [CF1]. */
	return __atomic_load_n(&followers[place], __ATOMIC_ACQUIRE);
}

static struct rshi_birth *claim(void)
{
	uint32_t first = __atomic_fetch_add(&at, 1, __ATOMIC_RELAXED);
	struct rshi_birth *b;
	void *p;

	for (uint32_t i = 0; i < BIRTHS; i++) {
		uint32_t no = 0;

		b = &births[(first + i) % BIRTHS];
		/* [CF3] acquire, pairs with [CF4]: who had it before has read it. */
		if (__atomic_compare_exchange_n(&b->is_used, &no, 1, 0, __ATOMIC_ACQUIRE,
		                                __ATOMIC_RELAXED))
			return b;
	}
	if (rshi_mmap_sig(sizeof(*b), &p))
		return NULL;
	b = p;
	b->is_mapped = 1;
	return b;
}

static void give_back(struct rshi_birth *b)
{
	if (b->is_mapped)
		rshi_munmap_sig(b, sizeof(*b));
	else
		/* [CF4] release, pairs with [CF3]. */
		__atomic_store_n(&b->is_used, 0, __ATOMIC_RELEASE);
}

struct rshi_birth *rshi_birth_make_sig(void *(*start)(void *), void *arg)
{
	const struct rshi_follower *f[RSHI_FOLLOWERS];
	uint64_t notes[RSHI_FOLLOWERS], all = 0;
	struct rshi_birth *b;

	for (int i = 0; i < RSHI_FOLLOWERS; i++) {
		f[i] = follower_at(i);
		notes[i] = f[i] ? f[i]->make() : 0;
		all |= notes[i];
	}
	if (!all)
		return NULL;
	b = claim();
	for (int i = 0; i < RSHI_FOLLOWERS; i++) {
		if (!b && notes[i])
			f[i]->cancel(notes[i]);
		if (b) {
			b->by[i].follower = f[i];
			b->by[i].note = notes[i];
		}
	}
	if (b) {
		b->start = start;
		b->arg = arg;
	}
	return b;
}

void rshi_birth_cancel_sig(struct rshi_birth *b)
{
	for (int i = 0; i < RSHI_FOLLOWERS; i++) {
		if (b->by[i].note)
			b->by[i].follower->cancel(b->by[i].note);
	}
	give_back(b);
}

void *rshi_birth_begin_sig(void *birth)
{
	struct rshi_birth *b = birth;
	void *(*start)(void *) = b->start;
	void *arg = b->arg;
	int (*set)(unsigned int, const void *);

	for (int i = 0; i < RSHI_FOLLOWERS; i++) {
		if (b->by[i].note)
			b->by[i].follower->begin(b->by[i].note);
	}
	give_back(b);
	/* [CK2] acquire, pairs with [CK1]: the key. */
	set = __atomic_load_n(&keep, __ATOMIC_ACQUIRE);
	if (set)
		set(key_of_all, &rounds[1]);
	/* A jump, with nothing of this function's left: no frame of ours in the thread's stacks. */
	return start(arg);
}

void rshi_births_leave_sig(void *value)
{
	ptrdiff_t round = (const char *)value - rounds;
	int goes_on = 0;

	for (int i = 0; i < RSHI_FOLLOWERS; i++) {
		const struct rshi_follower *f = follower_at(i);

		if (!f || !f->end)
			continue;
		if (round == (f->is_last ? ROUNDS : 1))
			f->end();
		goes_on |= f->is_last && round < ROUNDS;
	}
	/* [CK2] acquire, pairs with [CK1]: the key. */
	if (goes_on)
		__atomic_load_n(&keep, __ATOMIC_ACQUIRE)(key_of_all, &rounds[round + 1]);
}
