/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Race axis, backend for Valgrind's Helgrind and DRD: one binary serves both tools.
 *
 * <valgrind/helgrind.h> and <valgrind/drd.h> define each other's macro names (each #undefs what the
 * other left) and put some sixty ANNOTATE_* names into the user's program, so neither is included.
 * What the tools agree on is the numbers of the requests, a frozen ABI by Valgrind's own word; they
 * stand here, and a test holds them against both headers. Requests that both tools know have one
 * number and are issued once; a tool ignores the other's own.
 *
 * Accesses: Valgrind sees every instruction, the annotations have nothing to add. What only
 * ThreadSanitizer can express (fibers, tags, callbacks) is dropped as in race_none.h.
 */
#ifndef RACESHIM_RACE_HELGRIND_H
#define RACESHIM_RACE_HELGRIND_H

#include <stddef.h>
#include <stdint.h>

#include <valgrind/valgrind.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_RACE_ENABLED 1

/* Both tools. */
#define RSHI_VG_CLEAN_MEMORY       0x48470000u
#define RSHI_VG_RWLOCK_CREATE      0x4847010eu
#define RSHI_VG_RWLOCK_DESTROY     0x4847010fu
#define RSHI_VG_RWLOCK_ACQUIRED    0x48470111u
#define RSHI_VG_RWLOCK_RELEASED    0x48470112u
#define RSHI_VG_HAPPENS_BEFORE     0x48470121u
#define RSHI_VG_HAPPENS_AFTER      0x48470122u
/* Helgrind alone. */
#define RSHI_HG_MAKE_UNTRACKED     0x48470127u
/* DRD alone. */
#define RSHI_DRD_START_SUPPRESSION 0x44520002u
#define RSHI_DRD_RECORD_LOADS      0x44520006u
#define RSHI_DRD_RECORD_STORES     0x44520007u
#define RSHI_DRD_THREAD_NAME       0x44520008u

/* Checks the argument's type; the request itself stays in the user's function and on its line. */
RSHI_INLINE uintptr_t rshi_vg_addr(const volatile void *addr)
{
	return (uintptr_t)addr;
}

#define RSHI_VG_REQUEST(request, a, b)                                                             \
	((void)VALGRIND_DO_CLIENT_REQUEST_EXPR(0, (request), (a), (b), 0, 0, 0))

#define rshi_race_read(addr, size)        RSHI_DROP_RANGE(addr, size)
#define rshi_race_write(addr, size)       RSHI_DROP_RANGE(addr, size)
#define rshi_race_read_range(addr, size)  RSHI_DROP_RANGE(addr, size)
#define rshi_race_write_range(addr, size) RSHI_DROP_RANGE(addr, size)
#define rshi_race_read_range_pc(addr, size, caller_pc, pc)                                         \
	(RSHI_DROP_RANGE(addr, size), RSHI_DROP_PC(caller_pc), RSHI_DROP_PC(pc))
#define rshi_race_write_range_pc(addr, size, caller_pc, pc)                                        \
	(RSHI_DROP_RANGE(addr, size), RSHI_DROP_PC(caller_pc), RSHI_DROP_PC(pc))

#define rshi_race_acquire(addr) RSHI_VG_REQUEST(RSHI_VG_HAPPENS_AFTER, rshi_vg_addr(addr), 0)
#define rshi_race_release(addr) RSHI_VG_REQUEST(RSHI_VG_HAPPENS_BEFORE, rshi_vg_addr(addr), 0)

RSHI_INLINE void rshi_race_release_acquire(const volatile void *addr)
{
	rshi_race_acquire(addr);
	rshi_race_release(addr);
}

/*
 * Recursive locks. Both tools take a lock that is locked again for a bug (DRD dies of it), so only
 * the outermost level is passed on. The depth needs no lock: it is touched between AFTER_LOCK and
 * BEFORE_UNLOCK only, by whoever holds the lock. Slots are claimed by compare-and-exchange; a
 * process has room for RSHI_VG_RECURSIVE at a time, one more is treated as not recursive. Relaxed:
 * CREATE happens before the lock's first use by contract, and other locks' slots do not matter.
 * Weak: the linker keeps one table for all translation units.
 */
#define RSHI_VG_RECURSIVE 64

struct rshi_vg_recursive {
	uintptr_t lock; /* atomic; 0: free */
	unsigned depth; /* whoever holds the lock */
};

RSHI_EXTERN_C_BEGIN
__attribute__((weak)) struct rshi_vg_recursive rshi_vg_recursive[RSHI_VG_RECURSIVE];
RSHI_EXTERN_C_END

RSHI_INLINE struct rshi_vg_recursive *rshi_vg_find(uintptr_t lock)
{
	struct rshi_vg_recursive *slot = rshi_vg_recursive;

	for (; slot < rshi_vg_recursive + RSHI_VG_RECURSIVE; slot++) {
		if (__atomic_load_n(&slot->lock, __ATOMIC_RELAXED) == lock)
			return slot;
	}
	return NULL;
}

/* The table is ours, not the user's: neither tool is to look at it. */
RSHI_INLINE uintptr_t rshi_vg_make_recursive(uintptr_t lock)
{
	struct rshi_vg_recursive *slot = rshi_vg_recursive;

	RSHI_VG_REQUEST(RSHI_HG_MAKE_UNTRACKED, slot, sizeof(rshi_vg_recursive));
	RSHI_VG_REQUEST(RSHI_DRD_START_SUPPRESSION, slot, sizeof(rshi_vg_recursive));
	for (; slot < rshi_vg_recursive + RSHI_VG_RECURSIVE; slot++) {
		uintptr_t unused = 0;

		if (__atomic_compare_exchange_n(&slot->lock, &unused, lock, 0, __ATOMIC_RELAXED,
		                                __ATOMIC_RELAXED)) {
			slot->depth = 0;
			break;
		}
	}
	return lock;
}

RSHI_INLINE uintptr_t rshi_vg_forget(uintptr_t lock)
{
	struct rshi_vg_recursive *slot = rshi_vg_find(lock);

	if (slot != NULL)
		__atomic_store_n(&slot->lock, 0, __ATOMIC_RELAXED);
	return lock;
}

RSHI_INLINE int rshi_vg_enters(uintptr_t lock)
{
	struct rshi_vg_recursive *slot = rshi_vg_find(lock);

	return slot == NULL || slot->depth++ == 0;
}

RSHI_INLINE int rshi_vg_leaves(uintptr_t lock)
{
	struct rshi_vg_recursive *slot = rshi_vg_find(lock);

	return slot == NULL || --slot->depth == 0;
}

/*
 * Locks are reader-writer locks to both tools: the one kind with a request that both know, and the
 * only one whose shared side is understood. Acquired behind the lock, released in front of the
 * unlock; the other half of each bracket has nothing to say.
 */
#define RSHI_VG_LOCK_WHEN(when, request, m, exclusive)                                             \
	__extension__({                                                                            \
		const uintptr_t rshi_lock = rshi_vg_addr(m);                                       \
		if (when)                                                                          \
			RSHI_VG_REQUEST(request, rshi_lock, exclusive);                            \
	})
#define RSHI_VG_LOCKED(m)                                                                          \
	RSHI_VG_LOCK_WHEN(rshi_vg_enters(rshi_lock), RSHI_VG_RWLOCK_ACQUIRED, m, 1)
#define RSHI_VG_UNLOCKED(m)                                                                        \
	RSHI_VG_LOCK_WHEN(rshi_vg_leaves(rshi_lock), RSHI_VG_RWLOCK_RELEASED, m, 1)

#define rshi_race_mutex_create(m) RSHI_VG_REQUEST(RSHI_VG_RWLOCK_CREATE, rshi_vg_addr(m), 0)
#define rshi_race_mutex_create_recursive(m)                                                        \
	RSHI_VG_REQUEST(RSHI_VG_RWLOCK_CREATE, rshi_vg_make_recursive(rshi_vg_addr(m)), 0)
#define rshi_race_mutex_destroy(m)                                                                 \
	RSHI_VG_REQUEST(RSHI_VG_RWLOCK_DESTROY, rshi_vg_forget(rshi_vg_addr(m)), 0)
#define rshi_race_mutex_before_lock(m)   RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_lock(m)    RSHI_VG_LOCKED(m)
#define rshi_race_mutex_before_unlock(m) RSHI_VG_UNLOCKED(m)
#define rshi_race_mutex_after_unlock(m)  RSHI_DROP_ADDR(m)
#define rshi_race_mutex_before_rdlock(m) RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_rdlock(m)  RSHI_VG_REQUEST(RSHI_VG_RWLOCK_ACQUIRED, rshi_vg_addr(m), 0)
#define rshi_race_mutex_before_rdunlock(m)                                                         \
	RSHI_VG_REQUEST(RSHI_VG_RWLOCK_RELEASED, rshi_vg_addr(m), 0)
#define rshi_race_mutex_after_rdunlock(m) RSHI_DROP_ADDR(m)
#define rshi_race_mutex_before_trylock(m) RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_trylock(m, acquired)                                                 \
	RSHI_VG_LOCK_WHEN((acquired) && rshi_vg_enters(rshi_lock), RSHI_VG_RWLOCK_ACQUIRED, m, 1)
#define rshi_race_mutex_before_tryrdlock(m) RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_tryrdlock(m, acquired)                                               \
	RSHI_VG_LOCK_WHEN(acquired, RSHI_VG_RWLOCK_ACQUIRED, m, 0)
#define rshi_race_mutex_before_callback(m) RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_callback(m)  RSHI_DROP_ADDR(m)

#define rshi_race_cond_before_signal(cond)  RSHI_DROP_ADDR(cond)
#define rshi_race_cond_after_signal(cond)   RSHI_DROP_ADDR(cond)
#define rshi_race_cond_before_wait(cond, m) (RSHI_DROP_ADDR(cond), RSHI_VG_UNLOCKED(m))
#define rshi_race_cond_after_wait(cond, m)  (RSHI_DROP_ADDR(cond), RSHI_VG_LOCKED(m))

/* The block is the new owner's and has no past; whoever still uses it races with the owner. */
#define rshi_race_new_memory(addr, size)                                                           \
	RSHI_VG_REQUEST(RSHI_VG_CLEAN_MEMORY, rshi_vg_addr(addr), (size_t)(size))
#define rshi_race_free_memory(addr, size) RSHI_DROP_RANGE(addr, size)

RSHI_INLINE void rshi_vg_benign(const volatile void *addr, size_t size)
{
	RSHI_VG_REQUEST(RSHI_HG_MAKE_UNTRACKED, addr, size);
	RSHI_VG_REQUEST(RSHI_DRD_START_SUPPRESSION, addr, size);
}

#define rshi_race_benign(addr, size, reason)                                                       \
	(RSHI_DROP_TEXT(reason), rshi_vg_benign((addr), (size)))

/*
 * DRD's switches are on or off: the depth that makes scopes nest is kept here, one a thread for all
 * translation units (weak: the linker keeps one).
 */
RSHI_EXTERN_C_BEGIN
__attribute__((weak)) __thread unsigned rshi_drd_ignore_reads;
__attribute__((weak)) __thread unsigned rshi_drd_ignore_writes;
RSHI_EXTERN_C_END

RSHI_INLINE void rshi_drd_ignore_begin(unsigned *depth, unsigned request)
{
	if ((*depth)++ == 0)
		RSHI_VG_REQUEST(request, 0, 0);
}

RSHI_INLINE void rshi_drd_ignore_end(unsigned *depth, unsigned request)
{
	if (--*depth == 0)
		RSHI_VG_REQUEST(request, 1, 0);
}

#define rshi_race_ignore_reads_begin()                                                             \
	rshi_drd_ignore_begin(&rshi_drd_ignore_reads, RSHI_DRD_RECORD_LOADS)
#define rshi_race_ignore_reads_end()                                                               \
	rshi_drd_ignore_end(&rshi_drd_ignore_reads, RSHI_DRD_RECORD_LOADS)
#define rshi_race_ignore_writes_begin()                                                            \
	rshi_drd_ignore_begin(&rshi_drd_ignore_writes, RSHI_DRD_RECORD_STORES)
#define rshi_race_ignore_writes_end()                                                              \
	rshi_drd_ignore_end(&rshi_drd_ignore_writes, RSHI_DRD_RECORD_STORES)
#define rshi_race_ignore_sync_begin() ((void)0)
#define rshi_race_ignore_sync_end()   ((void)0)

#define rshi_race_fiber_current()              ((void *)0)
#define rshi_race_fiber_create(no_sync)        (RSHI_DROP_FLAG(no_sync), (void *)0)
#define rshi_race_fiber_destroy(fiber)         RSHI_DROP_ADDR(fiber)
#define rshi_race_fiber_switch(fiber, no_sync) (RSHI_DROP_ADDR(fiber), RSHI_DROP_FLAG(no_sync))
#define rshi_race_fiber_name(fiber, name)      (RSHI_DROP_ADDR(fiber), RSHI_DROP_TEXT(name))

RSHI_INLINE void rshi_race_thread_name(const char *name)
{
	RSHI_VG_REQUEST(RSHI_DRD_THREAD_NAME, name, 0);
}

#define rshi_race_tag_register(name)    (RSHI_DROP_TEXT(name), (void *)0)
#define rshi_race_tag_header(tag, text) (RSHI_DROP_ADDR(tag), RSHI_DROP_TEXT(text))
#define rshi_race_tag_assign(addr, tag) (RSHI_DROP_ADDR(addr), RSHI_DROP_ADDR(tag))
#define rshi_race_tag_read(addr, tag)   (RSHI_DROP_ADDR(addr), RSHI_DROP_ADDR(tag))
#define rshi_race_tag_write(addr, tag)  (RSHI_DROP_ADDR(addr), RSHI_DROP_ADDR(tag))

/* The tool's own count: no definition per process is needed, but the contract asks for one. */
#define RSHI_DEFINE_RACE_ERRORS                                                                    \
	size_t rsh_race_errors(void)                                                               \
	{                                                                                          \
		return VALGRIND_COUNT_ERRORS;                                                      \
	}

#endif
