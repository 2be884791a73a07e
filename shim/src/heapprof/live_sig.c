/* SPDX-License-Identifier: BSD-2-Clause */
/* The objects that are followed. */

#include <linux/errno.h>

#include "core/sys.h"
#include "live.h"

#define FIRST_BITS 12
#define LEVELS     11 /* 8 million objects, in 256 MiB */
#define WAYS       8
#define MOVING     1 /* in an address: somebody is at this entry */

struct entry {
	uintptr_t p; /* atomic; 0: free */
	struct rshi_heap_object object;
};

/* Atomic; immutable but for NULL. */
static struct entry *levels[LEVELS];

struct rshi_heap_gate rshi_heap_gate_sig;

/* What an allocator gives; NULL and nonsense are the same as a free entry and one in motion. */
static int is_address(uintptr_t p)
{
	return p && p % 8 == 0;
}

static struct entry *level_of(unsigned int level)
{
	/* Relaxed: the kernel's zeros are there for whoever has the address. */
	return __atomic_load_n(&levels[level], __ATOMIC_RELAXED);
}

static struct entry *set_of(struct entry *entries, unsigned int level, uintptr_t p)
{
	unsigned int bits = FIRST_BITS + level;
	size_t at = (p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits);

	return &entries[at & ~(size_t)(WAYS - 1)];
}

static unsigned int used_levels(void)
{
	unsigned int n = 0;

	while (n < LEVELS && level_of(n))
		n++;
	return n;
}

/* Add a table, if nobody else does. */
static int add_level(unsigned int level)
{
	size_t size = sizeof(struct entry) << (FIRST_BITS + level);
	struct entry *seen = NULL;
	void *mine;

	if (level == LEVELS || rshi_mmap_sig(size, &mine))
		return ENOMEM;
	if (!__atomic_compare_exchange_n(&levels[level], &seen, mine, 0, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED))
		rshi_munmap_sig(mine, size);
	return 0;
}

int rshi_live_open_sig(void)
{
	return level_of(0) ? 0 : add_level(0);
}

static void count_page(const void *p, int more)
{
	unsigned char *page = &rshi_heap_gate_sig.pages[rshi_heap_page(p)];
	unsigned char n = __atomic_load_n(page, __ATOMIC_RELAXED);

	/* What is many stays so, since nobody knows how many. */
	while (n != RSHI_HEAP_MANY &&
	       !__atomic_compare_exchange_n(page, &n, (unsigned char)(n + more), 0,
	                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void rshi_live_follow_all_sig(void)
{
	for (unsigned int i = 0; i < RSHI_HEAP_PAGES; i++)
		__atomic_store_n(&rshi_heap_gate_sig.pages[i], RSHI_HEAP_MANY, __ATOMIC_RELAXED);
}

static void put(struct entry *e, uintptr_t p, const struct rshi_heap_object *object)
{
	e->object.site = object->site;
	e->object.size = object->size;
	e->object.count = object->count;
	/* [HL1] release, pairs with [HL2]: what the object is. */
	__atomic_store_n(&e->p, p, __ATOMIC_RELEASE);
}

static int add_at(struct entry *set, uintptr_t p, const struct rshi_heap_object *object)
{
	for (unsigned int i = 0; i < WAYS; i++) {
		uintptr_t seen = __atomic_load_n(&set[i].p, __ATOMIC_RELAXED);

		/* [HL4] acquire, pairs with [HL3]: who has left the entry has read it. */
		if (!seen && __atomic_compare_exchange_n(&set[i].p, &seen, MOVING, 0,
		                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			put(&set[i], p, object);
			return 1;
		}
	}
	return 0;
}

int rshi_live_add_sig(const void *pointer, const struct rshi_heap_object *object,
                      struct rshi_heap_object *stale)
{
	uintptr_t p = (uintptr_t)pointer;
	unsigned int n = used_levels();

	/* Freed by a function that nobody has told of. */
	stale->site = NULL;
	if (!is_address(p))
		return ENOMEM;
	if (rshi_heap_may_be_followed(&rshi_heap_gate_sig, pointer) &&
	    !rshi_live_take_sig(pointer, stale))
		stale->site = NULL;
	for (;;) {
		/* The newest first: it is the largest. */
		for (unsigned int level = n; level-- > 0;) {
			if (add_at(set_of(level_of(level), level, p), p, object)) {
				count_page(pointer, 1);
				return 0;
			}
		}
		if (add_level(n))
			return ENOMEM;
		n = used_levels();
	}
}

static int take_at(struct entry *set, uintptr_t p, struct rshi_heap_object *object)
{
	for (unsigned int i = 0; i < WAYS; i++) {
		uintptr_t seen = __atomic_load_n(&set[i].p, __ATOMIC_RELAXED);

		/* [HL2] acquire, pairs with [HL1]: what the object is. */
		if (seen == p && __atomic_compare_exchange_n(&set[i].p, &seen, p | MOVING, 0,
		                                             __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			object->site = set[i].object.site;
			object->size = set[i].object.size;
			object->count = set[i].object.count;
			/* [HL3] release, pairs with [HL4]: this has read it. */
			__atomic_store_n(&set[i].p, 0, __ATOMIC_RELEASE);
			return 1;
		}
	}
	return 0;
}

int rshi_live_take_sig(const void *pointer, struct rshi_heap_object *object)
{
	uintptr_t p = (uintptr_t)pointer;

	if (!is_address(p))
		return 0;
	for (unsigned int level = used_levels(); level-- > 0;) {
		if (take_at(set_of(level_of(level), level, p), p, object)) {
			count_page(pointer, -1);
			return 1;
		}
	}
	return 0;
}
