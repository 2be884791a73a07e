/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_UNWIND_OBJECTS_H
#define RSH_CORE_UNWIND_OBJECTS_H

/* The objects of a program whose libc has no _dl_find_object, listed outside of handlers. */

#include "dwarf.h"

#define RSHI_LISTED_MAX 512

/*
 * All fields are atomic. A list is good if @version is even, and the same after reading as before.
 */
struct rshi_listed {
	uint32_t version;
	uint64_t n;
	struct {
		uintptr_t start, end;
		const uint8_t *index;
	} objects[RSHI_LISTED_MAX];
};

extern struct rshi_listed rshi_listed;

/* Where libc begins, which nobody unloads; atomic, 0: that is not known. */
extern uintptr_t rshi_libc_start_sig;

/* The listed object that @pc is in; returns 0, or RSHI_END_NO_CFI, also while the list changes. */
int rshi_listed_object_sig(uintptr_t pc, struct rshi_object *object);

#endif /* RSH_CORE_UNWIND_OBJECTS_H */
