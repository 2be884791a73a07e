/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_WISH_H
#define RSH_TRACE_WISH_H

#include <stddef.h>
#include <stdint.h>

struct rshi_trace_wish {
	uint32_t is_raw;
	uint32_t automatic; /* RSH_TRACE_AUTO_* */
};

/* Take a word of a wish, if these @n bytes are one. */
int rshi_trace_wish_word(const char *value, size_t n, struct rshi_trace_wish *wish);

/* Take a wish apart, its path into RSHI_PATH_MAX bytes. Returns NULL, or what is wrong. */
const char *rshi_trace_wish(const char *value, struct rshi_trace_wish *wish, char *pattern);

#endif /* RSH_TRACE_WISH_H */
