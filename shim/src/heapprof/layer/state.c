/* SPDX-License-Identifier: BSD-2-Clause */
/* What the library has in either form. */

#include "next.h"

#define NESTED 8 /* frames of operators, at most */

const struct rsh_heapprof_layer *layer_profile;
struct rshi_heap_gate layer_gate; /* zeros: there is no rate, nothing followed */
LAYER_THREAD_LOCAL struct rshi_heap_thread layer_thread;

void layer_enter(void)
{
	const struct rsh_heapprof_layer *profile = rsh_heapprof_layer(RSHI_HEAP_LAYER);

	__asm__ volatile("" : : "r"(&layer_allocates), "r"(layer_reallocarray));
	layer_gate.changed = layer_rate_has_changed;
	if (profile && profile->enter_sig(&layer_gate))
		layer_profile = profile;
}

/* The linker's names for the ends of that section, which may be missing. */
extern const char __start_layer_operators[] __attribute__((weak, visibility("hidden")));
extern const char __stop_layer_operators[] __attribute__((weak, visibility("hidden")));

/* The call of the first one is the program's. */
size_t layer_cut(const uintptr_t *pcs, size_t n)
{
	size_t first = 0;

	for (size_t i = 0; i + 1 < n && i < NESTED; i++) {
		if (pcs[i] > (uintptr_t)__start_layer_operators &&
		    pcs[i] <= (uintptr_t)__stop_layer_operators)
			first = i + 1;
	}
	return first;
}
