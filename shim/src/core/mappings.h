/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_MAPPINGS_H
#define RSH_CORE_MAPPINGS_H

/*
 * Which code of which file is at which address, now and a little earlier.
 *
 * It comes from the kernel's list, so it needs no lock of the loader's, and holds the vDSO, code
 * that is made at run time, and files that the loader does not know. For one thread at a time,
 * outside handlers.
 *
 * A stretch of code is an object, known by a number that stays: the same stretch of the same file,
 * unloaded and loaded again, is the same object, at whatever address. What comes to its address
 * after it is another one.
 */

#include <stddef.h>
#include <stdint.h>

#include "elf_file.h"
#include "grow.h"
#include "intern.h"

#define RSHI_NO_OBJECT UINT32_MAX

/* One stretch of code. Zeros but for what is known; the name stands behind it, without a NUL. */
struct rshi_mapped_object {
	uint64_t device; /* 0 and 0: no file */
	uint64_t inode;
	uint64_t offset; /* where in the file */
	uint64_t size;
	uint64_t tag; /* of the beginning of the file, as it is mapped; 0: that is not mapped */
	uint8_t build_id[RSHI_BUILD_ID_MAX];
	uint32_t build_id_size;
	uint32_t zero; /* so that the name begins where the struct ends */
	char name[];
};

struct rshi_mapping {
	uintptr_t start;
	uintptr_t end;
	uint64_t offset;
	uint32_t object;
	uint32_t age; /* at how many looks it was gone already */
};

/* Where an object was when it was seen first. */
struct rshi_sight {
	uintptr_t start;
	uintptr_t head; /* the beginning of its file; 0 if that was not mapped */
};

struct rshi_mappings {
	struct rshi_intern objects;
	struct rshi_grow sights; /* struct rshi_sight, of each object */
	struct rshi_grow now;    /* struct rshi_mapping, by address */
	struct rshi_grow next;
	struct rshi_grow text;
	uint64_t looked; /* when the last look ended, in nanoseconds; 0: there was none */
	uint64_t took;   /* and what it took of the processor's time */
};

void rshi_mappings_init(struct rshi_mappings *m, struct rshi_budget *budget);
void rshi_mappings_free(struct rshi_mappings *m);

/*
 * Look at what is mapped now, unless the last look has ended less than @spare times its own length
 * ago. Returns 0; EAGAIN if it did not look; ENOMEM or an error of the kernel's, and what was known
 * stays.
 */
int rshi_mappings_look(struct rshi_mappings *m, unsigned int spare);

/* What was mapped at an address at the last look, or else, not long before it; or NULL. */
const struct rshi_mapping *rshi_mappings_find(const struct rshi_mappings *m, uintptr_t pc);

const struct rshi_mapped_object *rshi_mappings_object(const struct rshi_mappings *m,
                                                      uint32_t number, size_t *name_length);

/* Valid until the next look, as objects are. */
const struct rshi_sight *rshi_mappings_sight(const struct rshi_mappings *m, uint32_t number);

#endif /* RSH_CORE_MAPPINGS_H */
