/* SPDX-License-Identifier: BSD-2-Clause */
/* The next operators where the linker leads the program's calls here: those of its C++ library. */

#include "next.h"

#define OPERATORS(X)                                                                               \
	X(_Znwm)                                                                                   \
	X(_Znam)                                                                                   \
	X(_ZnwmRKSt9nothrow_t)                                                                     \
	X(_ZnamRKSt9nothrow_t)                                                                     \
	X(_ZnwmSt11align_val_t)                                                                    \
	X(_ZnamSt11align_val_t)                                                                    \
	X(_ZnwmSt11align_val_tRKSt9nothrow_t)                                                      \
	X(_ZnamSt11align_val_tRKSt9nothrow_t)                                                      \
	X(_ZdlPv)                                                                                  \
	X(_ZdaPv)                                                                                  \
	X(_ZdlPvm)                                                                                 \
	X(_ZdaPvm)                                                                                 \
	X(_ZdlPvRKSt9nothrow_t)                                                                    \
	X(_ZdaPvRKSt9nothrow_t)                                                                    \
	X(_ZdlPvSt11align_val_t)                                                                   \
	X(_ZdaPvSt11align_val_t)                                                                   \
	X(_ZdlPvmSt11align_val_t)                                                                  \
	X(_ZdaPvmSt11align_val_t)                                                                  \
	X(_ZdlPvSt11align_val_tRKSt9nothrow_t)                                                     \
	X(_ZdaPvSt11align_val_tRKSt9nothrow_t)

#define DECLARE(symbol) extern void layer_real##symbol(void) __asm__("__real_" #symbol);
#define LIST(symbol)    {#symbol, layer_real##symbol},

OPERATORS(DECLARE)

static const struct {
	const char *name;
	void (*function)(void);
} operators[] = {OPERATORS(LIST)};

static int is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

void *layer_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		if (is_same(operators[i].name, name))
			return (void *)(uintptr_t)operators[i].function;
	}
	return NULL;
}
