/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raceshim annotations: tell the detector what it cannot see.
 *
 * Two independent axes, chosen at compile time by how the translation unit is built:
 *
 *   RSH_RACE_*  data races:  ThreadSanitizer; Helgrind and DRD (with -DRSH_VALGRIND); nothing
 *   RSH_MEM_*   bad memory:  MemorySanitizer; AddressSanitizer; HWAddressSanitizer; Memcheck (with
 *                            -DRSH_VALGRIND); nothing
 *
 * With no detector on, an annotation is no instruction at all: arguments are type-checked and not
 * evaluated, and the translation unit compiles to the same bytes as without annotations. With a
 * detector they are evaluated once, unless it has no use for them. So, as with assert(), side
 * effects do not belong in arguments.
 *
 * Each annotation must say (in a comment at the call) what the detector cannot see. An edge that
 * the program does not really have hides the user's races; see docs/annotations.md.
 *
 * May overlap
 *
 *   Any annotation may run in any number of threads at once, on the same address too, except:
 *     MUTEX_CREATE*, MUTEX_DESTROY   with any other annotation of the same mutex
 *     NEW_MEMORY, FREE_MEMORY,       with another of these on an overlapping block
 *       MEM_MALLOC, MEM_FREE,
 *       MEM_POISON, MEM_UNPOISON
 *     FIBER_DESTROY, FIBER_SWITCH    with another of these on the same fiber
 *
 * The six fixed fields of the contract are the same for all annotations and stated here once;
 * a group that differs in one says so.
 *
 *   Return:    nothing, unless a "Return:" line says otherwise.
 *   Threads:   any thread that the detector knows (not one made by a raw clone).
 *   Signals:   not async-signal-safe: the detector's locks may be held by the interrupted code.
 *   Fork:      the child inherits the detector's state; they work in it as the detector does.
 *   Blocks:    no (detectors take short internal locks).
 *   Loss:      none counted; what a detector cannot express is dropped and listed under Detectors.
 */
#ifndef RACESHIM_ANNOTATE_H
#define RACESHIM_ANNOTATE_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>

#if RSH_HAS_TSAN
#include <raceshim/race_tsan.h>
#elif RSH_HAS_VALGRIND
#include <raceshim/race_helgrind.h>
#else
#include <raceshim/race_none.h>
#endif

#if RSH_HAS_MSAN
#include <raceshim/mem_msan.h>
#elif RSH_HAS_ASAN
#include <raceshim/mem_asan.h>
#elif RSH_HAS_HWASAN
#include <raceshim/mem_hwasan.h>
#elif RSH_HAS_VALGRIND
#include <raceshim/mem_memcheck.h>
#else
#include <raceshim/mem_none.h>
#endif

/**
 * RSH_RACE_ENABLED, RSH_MEM_ENABLED - is there a detector on this axis?
 *
 * Constants 0 or 1, defined by the backend. For code that only serves an annotation; which detector
 * it is says RSH_HAS_TSAN and its like in <raceshim/detect.h>.
 */

#define RSHI_CHECK_ACCESS_SIZE(macro, size)                                                        \
	RSHI_STATIC_ASSERT((size) == 1 || (size) == 2 || (size) == 4 || (size) == 8 ||             \
	                           (size) == 16,                                                   \
	                   macro ": size must be the constant 1, 2, 4, 8 or 16; for anything else" \
	                         " use " macro "_RANGE")

#define RSHI_CHECK_REASON(reason)                                                                  \
	RSHI_STATIC_ASSERT(sizeof("" reason) > 1,                                                  \
	                   "RSH_RACE_BENIGN: say in a string literal why the race is benign")

/*
 * Accesses that the detector cannot see: made by code without instrumentation (assembly, a
 * library, the kernel, a device), or only logical ones ("this call reads the whole table").
 */

/**
 * RSH_RACE_READ, RSH_RACE_WRITE - the calling function reads or writes one scalar
 *
 * @addr: the scalar, any alignment
 * @size: 1, 2, 4, 8 or 16, an integer constant expression; any other size does not compile
 *
 * Detectors: TSan reports a race with the calling function as frame #0, at the annotation's line.
 * Helgrind, DRD: nothing; Valgrind sees every real access by itself.
 */
#define RSH_RACE_READ(addr, size)                                                                  \
	do {                                                                                       \
		RSHI_CHECK_ACCESS_SIZE("RSH_RACE_READ", size);                                     \
		rshi_race_read((addr), (size));                                                    \
	} while (0)
#define RSH_RACE_WRITE(addr, size)                                                                 \
	do {                                                                                       \
		RSHI_CHECK_ACCESS_SIZE("RSH_RACE_WRITE", size);                                    \
		rshi_race_write((addr), (size));                                                   \
	} while (0)

/**
 * RSH_RACE_READ_PC, RSH_RACE_WRITE_PC - one scalar, on behalf of another function
 *
 * The access is attributed to the function at @pc, called from @caller_pc, called from where the
 * calling function was called.
 *
 * @addr:      the scalar, any alignment
 * @size:      1, 2, 4, 8 or 16, an integer constant expression
 * @caller_pc: a return address, as __builtin_return_address(0) gives it; NULL: no frame for it
 * @pc:        a function, or the address of an instruction inside one
 *
 * Detectors: as RSH_RACE_READ.
 */
#define RSH_RACE_READ_PC(addr, size, caller_pc, pc)                                                \
	do {                                                                                       \
		RSHI_CHECK_ACCESS_SIZE("RSH_RACE_READ", size);                                     \
		rshi_race_read_range_pc((addr), (size), (caller_pc), (pc));                        \
	} while (0)
#define RSH_RACE_WRITE_PC(addr, size, caller_pc, pc)                                               \
	do {                                                                                       \
		RSHI_CHECK_ACCESS_SIZE("RSH_RACE_WRITE", size);                                    \
		rshi_race_write_range_pc((addr), (size), (caller_pc), (pc));                       \
	} while (0)

/**
 * RSH_RACE_READ_RANGE, RSH_RACE_WRITE_RANGE - the calling function reads or writes @size bytes
 *
 * @addr: first byte
 * @size: number of bytes; 0 is no access
 *
 * Detectors: as RSH_RACE_READ; TSan reports at most one race a range, with the first racy cell.
 */
#define RSH_RACE_READ_RANGE(addr, size)  rshi_race_read_range((addr), (size))
#define RSH_RACE_WRITE_RANGE(addr, size) rshi_race_write_range((addr), (size))

/**
 * RSH_RACE_READ_RANGE_PC, RSH_RACE_WRITE_RANGE_PC - a range, on behalf of another function
 *
 * See RSH_RACE_READ_PC and RSH_RACE_READ_RANGE.
 */
#define RSH_RACE_READ_RANGE_PC(addr, size, caller_pc, pc)                                          \
	rshi_race_read_range_pc((addr), (size), (caller_pc), (pc))
#define RSH_RACE_WRITE_RANGE_PC(addr, size, caller_pc, pc)                                         \
	rshi_race_write_range_pc((addr), (size), (caller_pc), (pc))

/**
 * RSH_RACE_READ_OBJECT, RSH_RACE_WRITE_OBJECT - the calling function reads or writes all of *@ptr
 *
 * @ptr: a pointer to a complete type: the range is sizeof(*ptr), padding included
 *
 * Detectors: as RSH_RACE_READ_RANGE.
 */
#define RSH_RACE_READ_OBJECT(ptr)  rshi_race_read_range((ptr), sizeof(*(ptr)))
#define RSH_RACE_WRITE_OBJECT(ptr) rshi_race_write_range((ptr), sizeof(*(ptr)))
#define RSH_RACE_READ_OBJECT_PC(ptr, caller_pc, pc)                                                \
	rshi_race_read_range_pc((ptr), sizeof(*(ptr)), (caller_pc), (pc))
#define RSH_RACE_WRITE_OBJECT_PC(ptr, caller_pc, pc)                                               \
	rshi_race_write_range_pc((ptr), sizeof(*(ptr)), (caller_pc), (pc))

/*
 * Order that the detector cannot see: made by the kernel, by a device, by uninstrumented code, or
 * by standalone fences.
 */

/**
 * RSH_RACE_RELEASE, RSH_RACE_ACQUIRE - everything before the release happens before the acquire
 *
 * A release *merges*: an acquire is ordered after all releases on @addr so far, not only after
 * the last. Release before the real hand-off, acquire after the real receipt.
 *
 * @addr: identifies the edge; any address inside live memory, no access is made to it
 *
 * Detectors: TSan, Helgrind: as said. DRD: an acquire without an earlier release is ignored.
 */
#define RSH_RACE_ACQUIRE(addr) rshi_race_acquire(addr)
#define RSH_RACE_RELEASE(addr) rshi_race_release(addr)

/**
 * RSH_RACE_RELEASE_ACQUIRE - both at once, as a slot that is emptied and filled in one step
 */
#define RSH_RACE_RELEASE_ACQUIRE(addr) rshi_race_release_acquire(addr)

/**
 * RSH_RACE_HAPPENS_BEFORE, RSH_RACE_HAPPENS_AFTER - release and acquire under the names that
 * users of Helgrind and DRD know
 */
#define RSH_RACE_HAPPENS_BEFORE(addr) rshi_race_release(addr)
#define RSH_RACE_HAPPENS_AFTER(addr)  rshi_race_acquire(addr)

/*
 * Locks that the program makes itself (futex, spinning, assembly). Each operation is bracketed:
 * BEFORE_ in front of the first instruction of the operation, AFTER_ behind the last. Between the
 * two, TSan looks neither at accesses nor at synchronisation: they are the lock's own.
 */

/**
 * RSH_RACE_MUTEX_CREATE, _CREATE_RECURSIVE, _DESTROY - the life of a lock
 *
 * Optional for a lock in static storage: the first lock operation makes the lock known
 * (non-recursive). CREATE must happen before the first use in another thread, like any
 * initialisation. DESTROY reports a lock that is still held.
 *
 * @m: the lock
 *
 * Detectors: TSan also reports a CREATE that races with a use, use after DESTROY, double lock,
 * unlock of an unlocked lock, and locks taken in two orders. Helgrind: lock order too.
 * Helgrind, DRD: a recursive mutex is passed on at its outermost level; room for 64 at a time.
 */
#define RSH_RACE_MUTEX_CREATE(m)           rshi_race_mutex_create(m)
#define RSH_RACE_MUTEX_CREATE_RECURSIVE(m) rshi_race_mutex_create_recursive(m)
#define RSH_RACE_MUTEX_DESTROY(m)          rshi_race_mutex_destroy(m)

/**
 * RSH_RACE_MUTEX_BEFORE_LOCK ... AFTER_UNLOCK - exclusive lock and unlock
 */
#define RSH_RACE_MUTEX_BEFORE_LOCK(m)   rshi_race_mutex_before_lock(m)
#define RSH_RACE_MUTEX_AFTER_LOCK(m)    rshi_race_mutex_after_lock(m)
#define RSH_RACE_MUTEX_BEFORE_UNLOCK(m) rshi_race_mutex_before_unlock(m)
#define RSH_RACE_MUTEX_AFTER_UNLOCK(m)  rshi_race_mutex_after_unlock(m)

/**
 * RSH_RACE_MUTEX_BEFORE_RDLOCK ... AFTER_RDUNLOCK - shared lock and unlock
 *
 * Readers are ordered against writers, not against each other.
 */
#define RSH_RACE_MUTEX_BEFORE_RDLOCK(m)   rshi_race_mutex_before_rdlock(m)
#define RSH_RACE_MUTEX_AFTER_RDLOCK(m)    rshi_race_mutex_after_rdlock(m)
#define RSH_RACE_MUTEX_BEFORE_RDUNLOCK(m) rshi_race_mutex_before_rdunlock(m)
#define RSH_RACE_MUTEX_AFTER_RDUNLOCK(m)  rshi_race_mutex_after_rdunlock(m)

/**
 * RSH_RACE_MUTEX_BEFORE_TRYLOCK ... AFTER_TRYRDLOCK - attempts that may fail
 *
 * @acquired: non-zero when the lock is held now; 0: the attempt failed and orders nothing
 */
#define RSH_RACE_MUTEX_BEFORE_TRYLOCK(m)            rshi_race_mutex_before_trylock(m)
#define RSH_RACE_MUTEX_AFTER_TRYLOCK(m, acquired)   rshi_race_mutex_after_trylock((m), (acquired))
#define RSH_RACE_MUTEX_BEFORE_TRYRDLOCK(m)          rshi_race_mutex_before_tryrdlock(m)
#define RSH_RACE_MUTEX_AFTER_TRYRDLOCK(m, acquired) rshi_race_mutex_after_tryrdlock((m), (acquired))

/**
 * RSH_RACE_MUTEX_BEFORE_CALLBACK, AFTER_CALLBACK - user code inside a lock operation
 *
 * Brackets code that runs between a BEFORE_ and its AFTER_ but is not the lock's own (a scheduler,
 * a contention hook): it is looked at again.
 *
 * Detectors: TSan only; Valgrind never stopped looking.
 */
#define RSH_RACE_MUTEX_BEFORE_CALLBACK(m) rshi_race_mutex_before_callback(m)
#define RSH_RACE_MUTEX_AFTER_CALLBACK(m)  rshi_race_mutex_after_callback(m)

/**
 * RSH_RACE_COND_BEFORE_SIGNAL ... AFTER_WAIT - own condition variables
 *
 * The signal orders nothing by itself, as with POSIX: the order comes from @m, which the wait gives
 * up at BEFORE_WAIT and holds again at AFTER_WAIT. Between the two, do not annotate @m.
 *
 * @cond: the condition variable
 * @m:    the mutex of the wait, held exclusively by the caller
 */
#define RSH_RACE_COND_BEFORE_SIGNAL(cond)  rshi_race_cond_before_signal(cond)
#define RSH_RACE_COND_AFTER_SIGNAL(cond)   rshi_race_cond_after_signal(cond)
#define RSH_RACE_COND_BEFORE_WAIT(cond, m) rshi_race_cond_before_wait((cond), (m))
#define RSH_RACE_COND_AFTER_WAIT(cond, m)  rshi_race_cond_after_wait((cond), (m))

/**
 * RSH_RACE_ONCE_DONE, RSH_RACE_ONCE_SEEN - own one-time initialisation
 *
 * DONE in the thread that initialised, before it publishes; SEEN in each thread that finds it done.
 */
#define RSH_RACE_ONCE_DONE(once) rshi_race_release(once)
#define RSH_RACE_ONCE_SEEN(once) rshi_race_acquire(once)

/*
 * Own allocators.
 */

/**
 * RSH_RACE_FREE_MEMORY, RSH_RACE_NEW_MEMORY - a block is given back, and handed out again
 *
 * Without them, TSan knows nothing of a free list in uninstrumented code (or one with fences) and
 * reports the block's old and new owner against each other. With them the new owner is ordered
 * after the old one, and an access through a stale pointer is still reported: FREE counts as a
 * write of the whole block by the freeing thread, NEW as one by the new owner.
 *
 * @addr: first byte; NEW finds the edge only at the address that FREE named
 * @size: bytes
 *
 * Detectors: TSan: as said; a stale access is reported as a race, not as use-after-free.
 * Helgrind, DRD: NEW makes the tool forget what it knew of the block; FREE does nothing.
 */
#define RSH_RACE_NEW_MEMORY(addr, size)  rshi_race_new_memory((addr), (size))
#define RSH_RACE_FREE_MEMORY(addr, size) rshi_race_free_memory((addr), (size))

/*
 * What is not to be reported. The last resort: an edge that exists is better described as one.
 */

/**
 * RSH_RACE_BENIGN - races on these bytes are known and accepted
 *
 * @addr:   first byte
 * @size:   bytes
 * @reason: why the race is harmless: a string literal, not empty, checked at compile time
 *
 * Detectors: TSan, Helgrind, DRD: for the rest of the process, all accesses to the bytes.
 */
#define RSH_RACE_BENIGN(addr, size, reason)                                                        \
	do {                                                                                       \
		RSHI_CHECK_REASON(reason);                                                         \
		rshi_race_benign((addr), (size), "" reason);                                       \
	} while (0)

/**
 * RSH_RACE_IGNORE_READS_BEGIN/_END, _WRITES_, _SYNC_ - the calling thread's next steps are not
 * looked at
 *
 * Scopes nest: only the outermost END restores. END in the thread of its BEGIN: TSan ends the
 * process when a thread ends inside a scope. A thread made inside a scope does not inherit it.
 *
 * Detectors: TSan ignores reads and writes in both of the first two scopes (it has one switch).
 * DRD: as named; SYNC: nothing. Helgrind: nothing.
 */
#define RSH_RACE_IGNORE_READS_BEGIN()  rshi_race_ignore_reads_begin()
#define RSH_RACE_IGNORE_READS_END()    rshi_race_ignore_reads_end()
#define RSH_RACE_IGNORE_WRITES_BEGIN() rshi_race_ignore_writes_begin()
#define RSH_RACE_IGNORE_WRITES_END()   rshi_race_ignore_writes_end()
#define RSH_RACE_IGNORE_SYNC_BEGIN()   rshi_race_ignore_sync_begin()
#define RSH_RACE_IGNORE_SYNC_END()     rshi_race_ignore_sync_end()

/*
 * Threads of control.
 */

/**
 * RSH_RACE_FIBER_CURRENT, _CREATE, _DESTROY, _SWITCH, _NAME - user-level threads
 *
 * SWITCH stands immediately before the real switch, in the function that makes it. A fiber is
 * destroyed by another fiber, when it does not run.
 *
 * @no_sync: non-zero: the switch orders nothing; 0: what was before it happens before what follows.
 *           CREATE: what was before it happens before the fiber in any case (TSan of today)
 * @f:       from CURRENT or CREATE
 * @name:    copied
 *
 * Return: CURRENT, CREATE: the detector's handle, NULL where there is none.
 * Detectors: TSan only.
 */
#define RSH_RACE_FIBER_CURRENT()          rshi_race_fiber_current()
#define RSH_RACE_FIBER_CREATE(no_sync)    rshi_race_fiber_create(no_sync)
#define RSH_RACE_FIBER_DESTROY(f)         rshi_race_fiber_destroy(f)
#define RSH_RACE_FIBER_SWITCH(f, no_sync) rshi_race_fiber_switch((f), (no_sync))
#define RSH_RACE_FIBER_NAME(f, name)      rshi_race_fiber_name((f), (name))

/**
 * RSH_RACE_THREAD_NAME - the calling thread's name in reports
 *
 * Detectors: TSan, DRD. Helgrind takes the name from pthread_setname_np only.
 */
#define RSH_RACE_THREAD_NAME(name) rshi_race_thread_name(name)

/**
 * RSH_RACE_TAG_* - objects of a library, reported by their type's name
 *
 * A library that is used from several threads without a lock, though its contract asks for one, is
 * reported as "race on <name>" in its user's words. READ and WRITE stand in the API function.
 *
 * @name: the type's name, kept by the detector
 * @tag:  from REGISTER; never freed; TSan has room for 1022 and ends the process at one more
 * @text: the report's heading
 * @addr: the object
 *
 * Return: REGISTER: the tag, NULL where there is none.
 * Detectors: TSan only. ASSIGN takes an address in the heap.
 */
#define RSH_RACE_TAG_REGISTER(name)    rshi_race_tag_register(name)
#define RSH_RACE_TAG_HEADER(tag, text) rshi_race_tag_header((tag), (text))
#define RSH_RACE_TAG_ASSIGN(addr, tag) rshi_race_tag_assign((addr), (tag))
#define RSH_RACE_TAG_READ(addr, tag)   rshi_race_tag_read((addr), (tag))
#define RSH_RACE_TAG_WRITE(addr, tag)  rshi_race_tag_write((addr), (tag))

/**
 * rsh_race_errors - the number of reports so far
 *
 * Defined by the line RSH_DEFINE_RACE_ERRORS, once, at file scope, in a source file of the
 * executable itself: TSan of clang ignores a definition in a shared object, and one in an archive
 * unless something pulls it.
 *
 * Return: reports printed so far in this process; 0 without a detector.
 * Threads: any.                    Signals: async-signal-safe.
 * Fork: the child goes on counting from the parent's number.
 * Blocks: no.                      Loss: none.
 * Detectors: TSan: equal reports are printed and counted once. Helgrind, DRD: Valgrind's count.
 */
RSHI_EXTERN_C size_t rsh_race_errors(void);

#define RSH_DEFINE_RACE_ERRORS RSHI_DEFINE_RACE_ERRORS

/*
 * The memory axis.
 */

/**
 * RSH_MEM_READ, RSH_MEM_WRITE - uninstrumented code reads or writes @size bytes for the caller
 *
 * Detectors: MSan: READ reports bytes that are not initialised, WRITE makes them initialised.
 * ASan, HWASan: both report bytes that must not be touched, in the calling function's frame.
 * Memcheck: READ reports undefined bytes; WRITE reports unaddressable ones and makes them defined.
 */
#define RSH_MEM_READ(addr, size)  rshi_mem_read((addr), (size))
#define RSH_MEM_WRITE(addr, size) rshi_mem_write((addr), (size))

/**
 * RSH_MEM_READ_PC, RSH_MEM_WRITE_PC - the same, reported in the function that returns to @caller_pc
 */
#define RSH_MEM_READ_PC(addr, size, caller_pc)  rshi_mem_read_pc((addr), (size), (caller_pc))
#define RSH_MEM_WRITE_PC(addr, size, caller_pc) rshi_mem_write_pc((addr), (size), (caller_pc))

/**
 * RSH_MEM_MALLOC, RSH_MEM_FREE - own allocators: a block is handed out, and given back
 *
 * Detectors: MSan: both make the bytes uninitialised. ASan, HWASan: FREE forbids them, MALLOC
 * allows them. Memcheck: MALLOC: addressable, undefined; FREE: not addressable.
 */
#define RSH_MEM_MALLOC(addr, size) rshi_mem_malloc((addr), (size))
#define RSH_MEM_FREE(addr, size)   rshi_mem_free((addr), (size))

/**
 * RSH_MEM_MOVE - uninstrumented code copied @size bytes from @src to @dst
 *
 * Copies what the detector knows of the bytes, not the bytes; the two may overlap.
 */
#define RSH_MEM_MOVE(dst, src, size) rshi_mem_move((dst), (src), (size))

/**
 * RSH_MEM_CHECK - is there a byte that RSH_MEM_READ would report?
 *
 * Return: the offset of the first bad byte, -1 if there is none (or no detector). Never reports.
 */
#define RSH_MEM_CHECK(addr, size) rshi_mem_check((addr), (size))

/**
 * RSH_MEM_POISON, RSH_MEM_UNPOISON - forbid the bytes, allow them again
 */
#define RSH_MEM_POISON(addr, size)   rshi_mem_poison((addr), (size))
#define RSH_MEM_UNPOISON(addr, size) rshi_mem_unpoison((addr), (size))

#endif
