/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_CHECK_H
#define RSH_TESTS_CHECK_H

/* Assertions of the C tests: they hold in every build type, and say what was seen. */

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__,   \
			        #condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long a_ = (long long)(a), b_ = (long long)(b);                                \
                                                                                                   \
		if (a_ != b_) {                                                                    \
			fprintf(stderr, "%s:%d: %s: %s is %lld, not %s (%lld)\n", __FILE__,        \
			        __LINE__, __func__, #a, a_, #b, b_);                               \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif /* RSH_TESTS_CHECK_H */
