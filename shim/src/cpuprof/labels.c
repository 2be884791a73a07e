/* SPDX-License-Identifier: BSD-2-Clause */
/* Labels of threads: rsh_label_set(). */

#include <errno.h>

#include <raceshim/cpuprof.h>
#include <raceshim/sigsafe.h>

#include "core/detector.h"
#include "env.h"
#include "labels.h"
#include "session.h"

#define HEADS      1024u
#define ARENA_SIZE 1000000u

static struct rshi_lock lock;
static const struct rshi_labels *heads[HEADS]; /* guarded by the lock, as all of these */
static char *arena;
static size_t arena_used;

/*
 * A program that only sets labels is profiled because its environment says so: what reads that has to
 * be taken out of the archive too.
 */
__attribute__((used)) static void (*const with_environment)(void) = rshi_env_taken;

/* A set that is being put together. */
struct draft {
	uint32_t n, size;
	char texts[RSHI_LABELS_SIZE];
};

static size_t length(const char *text)
{
	size_t n = 0;

	/* Opaque, or a compiler calls strlen, which detectors intercept. */
	while (text[n]) {
		n++;
		__asm__ volatile("" : "+r"(n));
	}
	return n;
}

static int is_same(const char *a, const char *b)
{
	size_t n = length(a);

	return n == length(b) && !rsh_memcmp_sig(a, b, n);
}

static int is_before(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a < (unsigned char)*b;
}

static int add_text(struct draft *d, const char *text)
{
	size_t n = length(text) + 1;

	if (n > sizeof(d->texts) - d->size)
		return E2BIG;
	rsh_memcpy_sig(d->texts + d->size, text, n);
	d->size += (uint32_t)n;
	return 0;
}

static int add(struct draft *d, const char *key, const char *value)
{
	int err = d->n == RSHI_LABELS_MAX ? E2BIG : add_text(d, key);

	if (!err)
		err = add_text(d, value);
	if (!err)
		d->n++;
	return err;
}

uint32_t rshi_labels_get(const struct rshi_labels *labels, const char **key)
{
	*key = labels->texts;
	/* [LS2] acquire, pairs with [LS1]; it is always true. */
	return __atomic_load_n(&labels->is_made, __ATOMIC_ACQUIRE) ? labels->n : 0;
}

const char *rshi_labels_next(const char *text)
{
	return text + length(text) + 1;
}

/* The labels of @old with @key put in its place, or taken out if @value is NULL. */
static int change(struct draft *d, const struct rshi_labels *old, const char *key,
                  const char *value)
{
	const char *at = NULL;
	uint32_t n = old ? rshi_labels_get(old, &at) : 0;
	int err = 0, is_done = !value;

	d->n = 0;
	d->size = 0;
	for (; n && !err; n--) {
		const char *old_value = rshi_labels_next(at);

		if (!is_done && !is_before(at, key)) {
			err = add(d, key, value);
			is_done = 1;
		}
		if (!err && !is_same(at, key))
			err = add(d, at, old_value);
		at = rshi_labels_next(old_value);
	}
	return err || is_done ? err : add(d, key, value);
}

static uint32_t hash_of(const struct draft *d)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < d->size; i++)
		hash = (hash ^ (unsigned char)d->texts[i]) * 16777619u;
	return hash;
}

/* With the lock. */
static int intern(const struct draft *d, const struct rshi_labels **result)
{
	size_t bytes = (sizeof(struct rshi_labels) + d->size + 15) & ~(size_t)15;
	uint32_t hash = hash_of(d);
	const struct rshi_labels **head = &heads[hash % HEADS];
	struct rshi_labels *made;
	void *memory;
	int err;

	for (const struct rshi_labels *l = *head; l; l = l->next) {
		if (l->hash == hash && l->size == d->size &&
		    !rsh_memcmp_sig(l->texts, d->texts, d->size)) {
			*result = l;
			return 0;
		}
	}
	if (!arena) {
		err = rshi_mmap_sig(ARENA_SIZE, &memory);
		if (err)
			return err;
		arena = memory;
	}
	if (bytes > ARENA_SIZE - arena_used)
		return ENOMEM;
	made = (struct rshi_labels *)(arena + arena_used);
	arena_used += bytes;
	made->next = *head;
	made->hash = hash;
	made->n = d->n;
	made->size = d->size;
	rsh_memcpy_sig(made->texts, d->texts, d->size);
	/* [LS1] release, pairs with [LS2]: the set, to who reads the samples of a thread that has it. */
	__atomic_store_n(&made->is_made, 1, __ATOMIC_RELEASE);
	*head = made;
	*result = made;
	return 0;
}

static int set(const char *key, const char *value)
{
	const struct rshi_labels *labels = NULL;
	struct draft draft;
	int err;

	if (!key[0])
		return EINVAL;
	err = change(&draft, rshi_labels_sig, key, value);
	if (err)
		return err;
	if (draft.n) {
		rshi_lock(&lock);
		err = intern(&draft, &labels);
		rshi_unlock(&lock);
	}
	/* Relaxed: the handler runs in this very thread. */
	if (!err)
		__atomic_store_n(&rshi_labels_sig, labels, __ATOMIC_RELAXED);
	return err;
}

__attribute__((noinline)) int rsh_label_set(const char *key, const char *value)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_label_set);
	int err;

	if (!key)
		return EINVAL;
	rshi_frame_push(&caller);
	rshi_will_read(&caller, key, length(key) + 1);
	if (value)
		rshi_will_read(&caller, value, length(value) + 1);
	rshi_frame_pop();
	err = set(key, value);
	return err;
}

void rshi_labels_before_fork(void)
{
	rshi_lock(&lock);
}

void rshi_labels_after_fork(void)
{
	rshi_unlock(&lock);
}
