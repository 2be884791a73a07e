/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory axis, backend for builds in which no memory detector is on. See drop.h.
 */
#ifndef RACESHIM_MEM_NONE_H
#define RACESHIM_MEM_NONE_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>
#include <raceshim/drop.h>

#define RSH_MEM_ENABLED 0

#define rshi_mem_read(addr, size)  RSHI_DROP_RANGE(addr, size)
#define rshi_mem_write(addr, size) RSHI_DROP_RANGE(addr, size)
#define rshi_mem_read_pc(addr, size, caller_pc)                                                    \
	(RSHI_DROP_RANGE(addr, size), RSHI_DROP_PC(caller_pc))
#define rshi_mem_write_pc(addr, size, caller_pc)                                                   \
	(RSHI_DROP_RANGE(addr, size), RSHI_DROP_PC(caller_pc))
#define rshi_mem_malloc(addr, size)   RSHI_DROP_RANGE(addr, size)
#define rshi_mem_free(addr, size)     RSHI_DROP_RANGE(addr, size)
#define rshi_mem_move(dst, src, size) (RSHI_DROP_ADDR(dst), RSHI_DROP_RANGE(src, size))
#define rshi_mem_check(addr, size)    (RSHI_DROP_RANGE(addr, size), (ptrdiff_t)-1)
#define rshi_mem_poison(addr, size)   RSHI_DROP_RANGE(addr, size)
#define rshi_mem_unpoison(addr, size) RSHI_DROP_RANGE(addr, size)

#endif
