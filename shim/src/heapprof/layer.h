/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_LAYER_H
#define RSH_HEAPPROF_LAYER_H

/*
 * Between the profile and who tells it of allocations: the detector's hooks, and libraceshim-heap.
 * The latter may be in a library of its own, so what both look at for each allocation is here.
 *
 * A thread counts the bytes that it allocates down from those that there are before the next sample,
 * and asks when there are too few; a new one has none, and asks at once. A free asks whether anything
 * that is followed begins in the object's page, which are so small that hardly any has to do more.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/heapprof.h>

#include "core/unwind.h"

#define RSHI_HEAP_LAYER 3

/* A thread's own, zeros at first; thread-local with whoever tells. */
struct rshi_heap_thread {
	uint64_t count;      /* of bytes that are allocated before the next sample */
	uint32_t generation; /* of the rate that the gap is drawn for */
	uint32_t samples;    /* counts up, so that one can see that there was one */
	uint64_t rate;       /* 0: none are taken */
	uint64_t random;     /* state of the generator; 0: there is none yet */
};

#define RSHI_HEAP_PAGES     (1u << 16)
#define RSHI_HEAP_PAGE_BITS 10
#define RSHI_HEAP_MANY      255

/* Zeros at first, and then the profile's; where whoever tells has it at hand. */
struct rshi_heap_gate {
	uint32_t generation; /* atomic: of the rate; 0: there never was one */
	/* atomic: objects that are followed, by page; pages that are 64 MiB apart share a number, and
	 * RSHI_HEAP_MANY stays.
	 */
	unsigned char pages[RSHI_HEAP_PAGES];
	void (*changed)(void); /* called when the generation is another one; or NULL */
};

/* An object that is followed. */
struct rshi_heap_object {
	uint64_t size;  /* as asked for */
	uint64_t count; /* for how many like it it stands */
	uint32_t cell;  /* where it is counted */
};

struct rsh_heapprof_layer {
	/*
	 * There is a layer, with this gate; returns whether it is to tell anything: not where a
	 * detector does. Before there is a second thread.
	 */
	int (*enter_sig)(struct rshi_heap_gate *gate);
	/*
	 * A sample is due, or the generation is another: @p has been allocated, or nothing has if it
	 * is NULL. @cut says how many of the pcs are nobody's business, or is NULL.
	 */
	void (*alloc_sig)(struct rshi_heap_thread *thread, const void *p, size_t size,
	                  const struct rshi_here *here,
	                  size_t (*cut)(const uintptr_t *pcs, size_t n));
	/* @p is about to be freed. Returns whether it was followed. */
	int (*free_sig)(const void *p);
	/*
	 * @p is maybe about to be moved: follow it no more, and return 1 with what it was; then either
	 * it is gone, or it is still there after all. 0: it was not followed.
	 */
	int (*take_sig)(const void *p, struct rshi_heap_object *object);
	void (*gone_sig)(const void *p, const struct rshi_heap_object *object);
	void (*back_sig)(const void *p, const struct rshi_heap_object *object);
};

/* What an object counts as when samples are drawn: one of no bytes, too, is worth one. */
static inline uint64_t rshi_heap_weight(size_t size)
{
	return (uint64_t)size + 1;
}

/* libc's; it is not 0 while there is one thread for sure, as at every call of an allocator then. */
extern const char rshi_heap_single_threaded __asm__("__libc_single_threaded")
        __attribute__((weak, visibility("default")));

static inline int rshi_heap_is_only_thread(void)
{
	return &rshi_heap_single_threaded && rshi_heap_single_threaded;
}

/* Whether the thread has asked for the rate since it has changed. */
static inline int rshi_heap_knows_rate(const struct rshi_heap_gate *gate,
                                       const struct rshi_heap_thread *thread)
{
	return __atomic_load_n(&gate->generation, __ATOMIC_RELAXED) == thread->generation;
}

/* Count them; returns whether one of them is to be sampled, of threads that know of the rate. */
static inline int rshi_heap_count(struct rshi_heap_thread *thread, size_t size)
{
	return __builtin_sub_overflow(thread->count, rshi_heap_weight(size), &thread->count);
}

/* Whether @size bytes are to be sampled, or the profile is to be asked. */
static inline int rshi_heap_is_due(const struct rshi_heap_gate *gate,
                                   struct rshi_heap_thread *thread, size_t size)
{
	return !rshi_heap_knows_rate(gate, thread) || rshi_heap_count(thread, size);
}

static inline unsigned int rshi_heap_page(const void *p)
{
	return (unsigned int)((uintptr_t)p >> RSHI_HEAP_PAGE_BITS) % RSHI_HEAP_PAGES;
}

/* Whether @p may be followed. Relaxed: who frees an object has learnt of it from who made it. */
static inline int rshi_heap_may_be_followed(const struct rshi_heap_gate *gate, const void *p)
{
	return __atomic_load_n(&gate->pages[rshi_heap_page(p)], __ATOMIC_RELAXED) != 0;
}

#endif /* RSH_HEAPPROF_LAYER_H */
