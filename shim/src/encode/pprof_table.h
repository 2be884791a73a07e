/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_PPROF_TABLE_H
#define RSH_ENCODE_PPROF_TABLE_H

/* What is in a profile, for the files that make one. */

#include "core/intern.h"
#include "core/mappings.h"
#include "pprof.h"

#define RSHI_KNOWN_FRAMES 4096 /* a power of two */

/* A place in the program: where in which object, or at which address, or only a name. */
struct rshi_place {
	uint64_t offset;
	uint32_t object; /* RSHI_NO_OBJECT: the offset is an address; RSHI_A_NAME: is a string */
	uint32_t zero;
};

#define RSHI_A_NAME (RSHI_NO_OBJECT - 1)

/* What has become of an object's symbols. */
struct rshi_object_state {
	uint32_t used;       /* there is a location in it */
	uint32_t symbolized; /* its symbols could be read */
};

/* A pc that was looked up, so that it need not be again. */
struct rshi_frame {
	uint64_t key; /* the pc, and whether it is a return address; 0: none */
	uint32_t location;
	uint32_t restores; /* the code there ends a signal handler */
};

/* A stack as it is kept: this, the labels, the locations. */
struct rshi_stack_key {
	uint32_t n_labels;
	uint32_t n_locations;
};

struct rshi_label_key {
	uint32_t key;
	uint32_t value; /* 0: a number */
	uint32_t unit;
	uint32_t low; /* of the number */
	uint32_t high;
};

struct rshi_pprof {
	size_t n_types;
	uint32_t types[RSHI_PPROF_VALUES_MAX];
	uint32_t units[RSHI_PPROF_VALUES_MAX];
	uint32_t default_type;
	uint32_t period_type;
	uint32_t period_unit;
	int64_t period;
	int called;

	struct rshi_budget budget;
	struct rshi_intern strings;   /* without a NUL; number 0 is empty */
	struct rshi_intern locations; /* struct rshi_place; their ids are the numbers plus 1 */
	struct rshi_intern stacks;    /* struct rshi_stack_key, labels, numbers of locations */
	struct rshi_grow values;      /* int64_t, n_types of each stack */
	struct rshi_grow comments;    /* uint32_t, strings */
	struct rshi_grow remarks;     /* the same, about symbols */
	struct rshi_intern functions; /* uint32_t, a string; their ids are the numbers plus 1 */
	struct rshi_grow names;       /* uint32_t for each location: the id of its function, or 0 */
	struct rshi_grow objects;     /* struct rshi_object_state, of each */
	struct rshi_grow key;         /* the stack that is being looked up */
	struct rshi_grow text;        /* one that is being made valid */
	struct rshi_mappings mappings;
	int may_look; /* a pc in none of the mappings is worth another look */
	struct rshi_frame known[RSHI_KNOWN_FRAMES];
};

/* Find the names of all locations that have none yet. ENOMEM. */
int rshi_pprof_symbolize(struct rshi_pprof *p);

/* What is known about locations and objects after that. */
uint64_t rshi_pprof_function(const struct rshi_pprof *p, uint32_t location);
int rshi_pprof_is_used(const struct rshi_pprof *p, uint32_t object);
int rshi_pprof_is_symbolized(const struct rshi_pprof *p, uint32_t object);

/* The object that is the program's own code; RSHI_NO_OBJECT if that cannot be told. */
uint32_t rshi_pprof_program(const struct rshi_pprof *p);

/* The number of a text among the strings, its bytes made valid UTF-8, as readers demand. */
int rshi_pprof_text(struct rshi_pprof *p, const char *text, size_t n, uint32_t *number);
int rshi_pprof_string(struct rshi_pprof *p, const char *text, uint32_t *number); /* NULL: empty */

#endif /* RSH_ENCODE_PPROF_TABLE_H */
