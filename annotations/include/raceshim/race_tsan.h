/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Race axis, backend for ThreadSanitizer (clang >= 14, gcc >= 12).
 *
 * The runtime's entry points are declared here, not taken from <sanitizer/tsan_interface.h>: the
 * public header lacks half of them (_range_pc, func_entry, the Annotate* family) and takes
 * non-const pointers. Most annotations are macros around one direct call, see RSHI_RUNTIME.
 */
#ifndef RACESHIM_RACE_TSAN_H
#define RACESHIM_RACE_TSAN_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_RACE_ENABLED 1

/*
 * Accesses. The unaligned entry points take aligned addresses too, at no other cost than one
 * test; the aligned ones would see only the first shadow cell of an access that spans two.
 */
RSHI_RUNTIME(void, rshi_tsan_read1, (const volatile void *addr), "__tsan_read1");
RSHI_RUNTIME(void, rshi_tsan_read2, (const volatile void *addr), "__tsan_unaligned_read2");
RSHI_RUNTIME(void, rshi_tsan_read4, (const volatile void *addr), "__tsan_unaligned_read4");
RSHI_RUNTIME(void, rshi_tsan_read8, (const volatile void *addr), "__tsan_unaligned_read8");
RSHI_RUNTIME(void, rshi_tsan_read16, (const volatile void *addr), "__tsan_unaligned_read16");
RSHI_RUNTIME(void, rshi_tsan_write1, (const volatile void *addr), "__tsan_write1");
RSHI_RUNTIME(void, rshi_tsan_write2, (const volatile void *addr), "__tsan_unaligned_write2");
RSHI_RUNTIME(void, rshi_tsan_write4, (const volatile void *addr), "__tsan_unaligned_write4");
RSHI_RUNTIME(void, rshi_tsan_write8, (const volatile void *addr), "__tsan_unaligned_write8");
RSHI_RUNTIME(void, rshi_tsan_write16, (const volatile void *addr), "__tsan_unaligned_write16");
RSHI_RUNTIME(void, rshi_race_read_range, (const volatile void *addr, size_t size),
             "__tsan_read_range");
RSHI_RUNTIME(void, rshi_race_write_range, (const volatile void *addr, size_t size),
             "__tsan_write_range");
RSHI_RUNTIME(void, rshi_tsan_read_range_pc,
             (const volatile void *addr, size_t size, const void *pc), "__tsan_read_range_pc");
RSHI_RUNTIME(void, rshi_tsan_write_range_pc,
             (const volatile void *addr, size_t size, const void *pc), "__tsan_write_range_pc");
RSHI_RUNTIME(void, rshi_tsan_func_entry, (const void *caller_pc), "__tsan_func_entry");
RSHI_RUNTIME(void, rshi_tsan_func_exit, (void), "__tsan_func_exit");

/* @size is an integer constant expression: one call remains, at -O0 too. */
#define RSHI_TSAN_SIZED(access, addr, size)                                                        \
	((size) == 1   ? access##1(addr)                                                           \
	 : (size) == 2 ? access##2(addr)                                                           \
	 : (size) == 4 ? access##4(addr)                                                           \
	 : (size) == 8 ? access##8(addr)                                                           \
	               : access##16(addr))

#define rshi_race_read(addr, size)  RSHI_TSAN_SIZED(rshi_tsan_read, addr, size)
#define rshi_race_write(addr, size) RSHI_TSAN_SIZED(rshi_tsan_write, addr, size)

#define rshi_race_read_range_pc(addr, size, caller_pc, pc)                                         \
	rshi_tsan_access_pc(rshi_tsan_read_range_pc, addr, size, (uintptr_t)(caller_pc),           \
	                    (uintptr_t)(pc))
#define rshi_race_write_range_pc(addr, size, caller_pc, pc)                                        \
	rshi_tsan_access_pc(rshi_tsan_write_range_pc, addr, size, (uintptr_t)(caller_pc),          \
	                    (uintptr_t)(pc))

/*
 * The runtime takes every pc for a return address and subtracts one before it looks it up: right
 * for @caller_pc; @pc is the address of an instruction, the first of a function most often.
 */
RSHI_INLINE void rshi_tsan_access_pc(void (*access)(const volatile void *, size_t, const void *),
                                     const volatile void *addr, size_t size, uintptr_t caller_pc,
                                     uintptr_t pc)
{
	if (caller_pc != 0)
		rshi_tsan_func_entry((const void *)caller_pc);
	access(addr, size, (const void *)(pc + 1));
	if (caller_pc != 0)
		rshi_tsan_func_exit();
}

/* Happens-before. */
RSHI_RUNTIME(void, rshi_race_acquire, (const volatile void *addr), "__tsan_acquire");
RSHI_RUNTIME(void, rshi_race_release, (const volatile void *addr), "__tsan_release");

RSHI_INLINE void rshi_race_release_acquire(const volatile void *addr)
{
	rshi_race_acquire(addr);
	rshi_race_release(addr);
}

/* Locks. The flags' values are the runtime's ABI. */
#define RSHI_TSAN_WRITE_REENTRANT (1u << 1)
#define RSHI_TSAN_READ_LOCK       (1u << 3)
#define RSHI_TSAN_TRY_LOCK        (1u << 4)
#define RSHI_TSAN_TRY_LOCK_FAILED (1u << 5)

RSHI_RUNTIME(void, rshi_tsan_create, (const volatile void *m, unsigned flags),
             "__tsan_mutex_create");
RSHI_RUNTIME(void, rshi_tsan_destroy, (const volatile void *m, unsigned flags),
             "__tsan_mutex_destroy");
RSHI_RUNTIME(void, rshi_tsan_pre_lock, (const volatile void *m, unsigned flags),
             "__tsan_mutex_pre_lock");
RSHI_RUNTIME(void, rshi_tsan_post_lock, (const volatile void *m, unsigned flags, int recursion),
             "__tsan_mutex_post_lock");
RSHI_RUNTIME(int, rshi_tsan_pre_unlock, (const volatile void *m, unsigned flags),
             "__tsan_mutex_pre_unlock");
RSHI_RUNTIME(void, rshi_tsan_post_unlock, (const volatile void *m, unsigned flags),
             "__tsan_mutex_post_unlock");
RSHI_RUNTIME(void, rshi_tsan_pre_signal, (const volatile void *m, unsigned flags),
             "__tsan_mutex_pre_signal");
RSHI_RUNTIME(void, rshi_tsan_post_signal, (const volatile void *m, unsigned flags),
             "__tsan_mutex_post_signal");
RSHI_RUNTIME(void, rshi_tsan_pre_divert, (const volatile void *m, unsigned flags),
             "__tsan_mutex_pre_divert");
RSHI_RUNTIME(void, rshi_tsan_post_divert, (const volatile void *m, unsigned flags),
             "__tsan_mutex_post_divert");

#define RSHI_TSAN_TRY(read, acquired)                                                              \
	((read) | RSHI_TSAN_TRY_LOCK | ((acquired) ? 0u : RSHI_TSAN_TRY_LOCK_FAILED))

#define rshi_race_mutex_create(m)           rshi_tsan_create((m), 0)
#define rshi_race_mutex_create_recursive(m) rshi_tsan_create((m), RSHI_TSAN_WRITE_REENTRANT)
#define rshi_race_mutex_destroy(m)          rshi_tsan_destroy((m), 0)
#define rshi_race_mutex_before_lock(m)      rshi_tsan_pre_lock((m), 0)
#define rshi_race_mutex_after_lock(m)       rshi_tsan_post_lock((m), 0, 0)
#define rshi_race_mutex_before_unlock(m)    ((void)rshi_tsan_pre_unlock((m), 0))
#define rshi_race_mutex_after_unlock(m)     rshi_tsan_post_unlock((m), 0)
#define rshi_race_mutex_before_rdlock(m)    rshi_tsan_pre_lock((m), RSHI_TSAN_READ_LOCK)
#define rshi_race_mutex_after_rdlock(m)     rshi_tsan_post_lock((m), RSHI_TSAN_READ_LOCK, 0)
#define rshi_race_mutex_before_rdunlock(m)  ((void)rshi_tsan_pre_unlock((m), RSHI_TSAN_READ_LOCK))
#define rshi_race_mutex_after_rdunlock(m)   rshi_tsan_post_unlock((m), RSHI_TSAN_READ_LOCK)
#define rshi_race_mutex_before_trylock(m)   rshi_tsan_pre_lock((m), RSHI_TSAN_TRY_LOCK)
#define rshi_race_mutex_after_trylock(m, acquired)                                                 \
	rshi_tsan_post_lock((m), RSHI_TSAN_TRY(0u, acquired), 0)
#define rshi_race_mutex_before_tryrdlock(m)                                                        \
	rshi_tsan_pre_lock((m), RSHI_TSAN_READ_LOCK | RSHI_TSAN_TRY_LOCK)
#define rshi_race_mutex_after_tryrdlock(m, acquired)                                               \
	rshi_tsan_post_lock((m), RSHI_TSAN_TRY(RSHI_TSAN_READ_LOCK, acquired), 0)
#define rshi_race_mutex_before_callback(m) rshi_tsan_pre_divert((m), 0)
#define rshi_race_mutex_after_callback(m)  rshi_tsan_post_divert((m), 0)

/*
 * Condition variables: the runtime knows no edge of their own, the order comes from the mutex,
 * which the wait gives up and takes again. The whole wait is inside the mutex's unlock, so that
 * the implementation's own accesses are not looked at.
 */
#define rshi_race_cond_before_signal(cond) rshi_tsan_pre_signal((cond), 0)
#define rshi_race_cond_after_signal(cond)  rshi_tsan_post_signal((cond), 0)
#define rshi_race_cond_before_wait(cond, m)                                                        \
	(RSHI_DROP_ADDR(cond), (void)rshi_tsan_pre_unlock((m), 0))
#define rshi_race_cond_after_wait(cond, m) (RSHI_DROP_ADDR(cond), rshi_tsan_after_wait(m))

RSHI_INLINE void rshi_tsan_after_wait(const volatile void *m)
{
	rshi_tsan_post_unlock(m, 0);
	rshi_tsan_pre_lock(m, 0);
	rshi_tsan_post_lock(m, 0, 0);
}

/*
 * Own allocators. AnnotateNewMemory does nothing in this runtime, so the hand-off is modelled:
 * the block's owner "writes" all of it and releases; the next owner acquires and "writes" it.
 */
#define rshi_race_new_memory(addr, size)                                                           \
	__extension__({                                                                            \
		const volatile void *rshi_block = (addr);                                          \
		rshi_race_acquire(rshi_block);                                                     \
		rshi_race_write_range(rshi_block, (size));                                         \
	})
#define rshi_race_free_memory(addr, size)                                                          \
	__extension__({                                                                            \
		const volatile void *rshi_block = (addr);                                          \
		rshi_race_write_range(rshi_block, (size));                                         \
		rshi_race_release(rshi_block);                                                     \
	})

/* The dynamic-annotation names, kept by the runtime. */
RSHI_RUNTIME(void, rshi_tsan_benign,
             (const char *file, int line, const volatile void *addr, size_t size, const char *text),
             "AnnotateBenignRaceSized");
RSHI_RUNTIME(void, rshi_tsan_ignore_reads_begin, (const char *file, int line),
             "AnnotateIgnoreReadsBegin");
RSHI_RUNTIME(void, rshi_tsan_ignore_reads_end, (const char *file, int line),
             "AnnotateIgnoreReadsEnd");
RSHI_RUNTIME(void, rshi_tsan_ignore_writes_begin, (const char *file, int line),
             "AnnotateIgnoreWritesBegin");
RSHI_RUNTIME(void, rshi_tsan_ignore_writes_end, (const char *file, int line),
             "AnnotateIgnoreWritesEnd");
RSHI_RUNTIME(void, rshi_tsan_ignore_sync_begin, (const char *file, int line),
             "AnnotateIgnoreSyncBegin");
RSHI_RUNTIME(void, rshi_tsan_ignore_sync_end, (const char *file, int line),
             "AnnotateIgnoreSyncEnd");
RSHI_RUNTIME(void, rshi_tsan_thread_name, (const char *file, int line, const char *name),
             "AnnotateThreadName");

#define rshi_race_benign(addr, size, reason)                                                       \
	rshi_tsan_benign(__FILE__, __LINE__, (addr), (size), (reason))
#define rshi_race_ignore_reads_begin()  rshi_tsan_ignore_reads_begin(__FILE__, __LINE__)
#define rshi_race_ignore_reads_end()    rshi_tsan_ignore_reads_end(__FILE__, __LINE__)
#define rshi_race_ignore_writes_begin() rshi_tsan_ignore_writes_begin(__FILE__, __LINE__)
#define rshi_race_ignore_writes_end()   rshi_tsan_ignore_writes_end(__FILE__, __LINE__)
#define rshi_race_ignore_sync_begin()   rshi_tsan_ignore_sync_begin(__FILE__, __LINE__)
#define rshi_race_ignore_sync_end()     rshi_tsan_ignore_sync_end(__FILE__, __LINE__)
#define rshi_race_thread_name(name)     rshi_tsan_thread_name(__FILE__, __LINE__, (name))

/* Fibers. The no-sync flag is bit 0 of both calls. */
RSHI_RUNTIME(void *, rshi_race_fiber_current, (void), "__tsan_get_current_fiber");
RSHI_RUNTIME(void *, rshi_tsan_create_fiber, (unsigned flags), "__tsan_create_fiber");
RSHI_RUNTIME(void, rshi_race_fiber_destroy, (void *fiber), "__tsan_destroy_fiber");
RSHI_RUNTIME(void, rshi_tsan_switch_fiber, (void *fiber, unsigned flags), "__tsan_switch_to_fiber");
RSHI_RUNTIME(void, rshi_race_fiber_name, (void *fiber, const char *name), "__tsan_set_fiber_name");

#define rshi_race_fiber_create(no_sync)        rshi_tsan_create_fiber((no_sync) ? 1u : 0u)
#define rshi_race_fiber_switch(fiber, no_sync) rshi_tsan_switch_fiber((fiber), (no_sync) ? 1u : 0u)

/* External objects. The caller's frame is there already: this translation unit is instrumented. */
RSHI_RUNTIME(void *, rshi_race_tag_register, (const char *name), "__tsan_external_register_tag");
RSHI_RUNTIME(void, rshi_race_tag_header, (void *tag, const char *text),
             "__tsan_external_register_header");
RSHI_RUNTIME(void, rshi_race_tag_assign, (const volatile void *addr, void *tag),
             "__tsan_external_assign_tag");
RSHI_RUNTIME(void, rshi_tsan_external_read, (const volatile void *addr, void *caller, void *tag),
             "__tsan_external_read");
RSHI_RUNTIME(void, rshi_tsan_external_write, (const volatile void *addr, void *caller, void *tag),
             "__tsan_external_write");

#define rshi_race_tag_read(addr, tag)  rshi_tsan_external_read((addr), (void *)0, (tag))
#define rshi_race_tag_write(addr, tag) rshi_tsan_external_write((addr), (void *)0, (tag))

/*
 * The runtime calls __tsan_on_report with its own locks held: an instrumented body would deadlock.
 * Relaxed: a counter only.
 * Default visibility: gcc's runtime is a shared object and must see the executable's definition.
 */
#define RSHI_DEFINE_RACE_ERRORS                                                                    \
	static size_t rshi_race_error_count;                                                       \
	RSHI_EXTERN_C RSHI_UNINSTRUMENTED __attribute__((visibility("default"), used)) void        \
	__tsan_on_report(void *report);                                                            \
	void __tsan_on_report(void *report)                                                        \
	{                                                                                          \
		(void)report;                                                                      \
		__atomic_fetch_add(&rshi_race_error_count, 1, __ATOMIC_RELAXED);                   \
	}                                                                                          \
	RSHI_UNINSTRUMENTED size_t rsh_race_errors(void)                                           \
	{                                                                                          \
		return __atomic_load_n(&rshi_race_error_count, __ATOMIC_RELAXED);                  \
	}

#endif
