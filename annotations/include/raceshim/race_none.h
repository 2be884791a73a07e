/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Race axis, backend for builds in which no race detector is on: types are checked, nothing is
 * evaluated, no instruction is generated. See drop.h.
 */
#ifndef RACESHIM_RACE_NONE_H
#define RACESHIM_RACE_NONE_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_RACE_ENABLED 0

#define rshi_race_read(addr, size)        RSHI_DROP_RANGE(addr, size)
#define rshi_race_write(addr, size)       RSHI_DROP_RANGE(addr, size)
#define rshi_race_read_range(addr, size)  RSHI_DROP_RANGE(addr, size)
#define rshi_race_write_range(addr, size) RSHI_DROP_RANGE(addr, size)
#define rshi_race_read_range_pc(addr, size, caller_pc, pc)                                         \
	(RSHI_DROP_RANGE(addr, size), RSHI_DROP_PC(caller_pc), RSHI_DROP_PC(pc))
#define rshi_race_write_range_pc(addr, size, caller_pc, pc)                                        \
	(RSHI_DROP_RANGE(addr, size), RSHI_DROP_PC(caller_pc), RSHI_DROP_PC(pc))

#define rshi_race_acquire(addr)         RSHI_DROP_ADDR(addr)
#define rshi_race_release(addr)         RSHI_DROP_ADDR(addr)
#define rshi_race_release_acquire(addr) RSHI_DROP_ADDR(addr)

#define rshi_race_mutex_create(m)                    RSHI_DROP_ADDR(m)
#define rshi_race_mutex_create_recursive(m)          RSHI_DROP_ADDR(m)
#define rshi_race_mutex_destroy(m)                   RSHI_DROP_ADDR(m)
#define rshi_race_mutex_before_lock(m)               RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_lock(m)                RSHI_DROP_ADDR(m)
#define rshi_race_mutex_before_unlock(m)             RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_unlock(m)              RSHI_DROP_ADDR(m)
#define rshi_race_mutex_before_rdlock(m)             RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_rdlock(m)              RSHI_DROP_ADDR(m)
#define rshi_race_mutex_before_rdunlock(m)           RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_rdunlock(m)            RSHI_DROP_ADDR(m)
#define rshi_race_mutex_before_trylock(m)            RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_trylock(m, acquired)   (RSHI_DROP_ADDR(m), RSHI_DROP_FLAG(acquired))
#define rshi_race_mutex_before_tryrdlock(m)          RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_tryrdlock(m, acquired) (RSHI_DROP_ADDR(m), RSHI_DROP_FLAG(acquired))
#define rshi_race_mutex_before_callback(m)           RSHI_DROP_ADDR(m)
#define rshi_race_mutex_after_callback(m)            RSHI_DROP_ADDR(m)

#define rshi_race_cond_before_signal(cond)  RSHI_DROP_ADDR(cond)
#define rshi_race_cond_after_signal(cond)   RSHI_DROP_ADDR(cond)
#define rshi_race_cond_before_wait(cond, m) (RSHI_DROP_ADDR(cond), RSHI_DROP_ADDR(m))
#define rshi_race_cond_after_wait(cond, m)  (RSHI_DROP_ADDR(cond), RSHI_DROP_ADDR(m))

#define rshi_race_new_memory(addr, size)  RSHI_DROP_RANGE(addr, size)
#define rshi_race_free_memory(addr, size) RSHI_DROP_RANGE(addr, size)

#define rshi_race_benign(addr, size, reason) (RSHI_DROP_RANGE(addr, size), RSHI_DROP_TEXT(reason))
#define rshi_race_ignore_reads_begin()       ((void)0)
#define rshi_race_ignore_reads_end()         ((void)0)
#define rshi_race_ignore_writes_begin()      ((void)0)
#define rshi_race_ignore_writes_end()        ((void)0)
#define rshi_race_ignore_sync_begin()        ((void)0)
#define rshi_race_ignore_sync_end()          ((void)0)

#define rshi_race_fiber_current()              ((void *)0)
#define rshi_race_fiber_create(no_sync)        (RSHI_DROP_FLAG(no_sync), (void *)0)
#define rshi_race_fiber_destroy(fiber)         RSHI_DROP_ADDR(fiber)
#define rshi_race_fiber_switch(fiber, no_sync) (RSHI_DROP_ADDR(fiber), RSHI_DROP_FLAG(no_sync))
#define rshi_race_fiber_name(fiber, name)      (RSHI_DROP_ADDR(fiber), RSHI_DROP_TEXT(name))
#define rshi_race_thread_name(name)            RSHI_DROP_TEXT(name)

#define rshi_race_tag_register(name)    (RSHI_DROP_TEXT(name), (void *)0)
#define rshi_race_tag_header(tag, text) (RSHI_DROP_ADDR(tag), RSHI_DROP_TEXT(text))
#define rshi_race_tag_assign(addr, tag) (RSHI_DROP_ADDR(addr), RSHI_DROP_ADDR(tag))
#define rshi_race_tag_read(addr, tag)   (RSHI_DROP_ADDR(addr), RSHI_DROP_ADDR(tag))
#define rshi_race_tag_write(addr, tag)  (RSHI_DROP_ADDR(addr), RSHI_DROP_ADDR(tag))

#define RSHI_DEFINE_RACE_ERRORS                                                                    \
	size_t rsh_race_errors(void)                                                               \
	{                                                                                          \
		return 0;                                                                          \
	}

#endif
