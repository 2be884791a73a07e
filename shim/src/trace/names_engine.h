/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_NAMES_ENGINE_H
#define RSH_TRACE_NAMES_ENGINE_H

/*
 * Names get their numbers, once a text: copied, since a library that is unloaded takes its texts
 * along. Lock-free; two threads at once may give one text two numbers. Compiled into ordinary code
 * and into handlers.
 */

#include <raceshim/sigsafe.h>
#include <raceshim/trace.h>

#include "state.h"

/* At most RSHI_TRACE_TEXT. */
static inline uint32_t rshi_text_length(const char *text)
{
	uint32_t n = 0;

	/* Opaque, or a compiler calls strnlen. */
	while (n < RSHI_TRACE_TEXT && text[n]) {
		n++;
		__asm__ volatile("" : "+r"(n));
	}
	return n;
}

static inline uint32_t rshi_names_hash(const char *text, uint32_t n)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash % RSHI_TRACE_HEADS;
}

/* Memory for a name; NULL if there is none left. */
static inline struct rshi_trace_entry *rshi_names_room(struct rshi_trace_names *names, uint32_t n)
{
	uint32_t size = ((uint32_t)sizeof(struct rshi_trace_entry) + n + 15) & ~15u;
	uint32_t used = __atomic_load_n(&names->used, __ATOMIC_RELAXED);

	do {
		if (size > RSHI_TRACE_NAME_BYTES - used)
			return NULL;
	} while (!__atomic_compare_exchange_n(&names->used, &used, used + size, 0, __ATOMIC_RELAXED,
	                                      __ATOMIC_RELAXED));
	return (struct rshi_trace_entry *)(names->arena + used);
}

/* The first time that a name is used: its number, 0 if there is no room for it. */
__attribute__((noinline)) static uint32_t rshi_names_number(struct rshi_trace_names *names,
                                                            struct rsh_trace_name *name)
{
	uint32_t n = rshi_text_length(name->text), head = rshi_names_hash(name->text, n), number;
	const struct rshi_trace_entry *first = rshi_names_first(names, head), *e = first;
	struct rshi_trace_entry *made;

	while (e && (e->length != n || rsh_memcmp_sig(e->text, name->text, n)))
		e = e->next;
	if (e) {
		number = e->number;
	} else {
		made = rshi_names_room(names, n);
		if (!made)
			return 0;
		number = __atomic_add_fetch(&names->last, 1, __ATOMIC_RELAXED);
		made->number = number;
		made->length = n;
		rsh_memcpy_sig(made->text, name->text, n);
		do
			made->next = first;
		while (!__atomic_compare_exchange_n(&names->heads[head], &first, made, 0,
		                                    /* [TN1] release, pairs with [TN2]: the name. */
		                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	}
	/* [TN3] release, pairs with [TN4]: the name is in the list. */
	__atomic_store_n(&name->number, number, __ATOMIC_RELEASE);
	return number;
}

#endif /* RSH_TRACE_NAMES_ENGINE_H */
