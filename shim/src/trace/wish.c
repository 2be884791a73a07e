/* SPDX-License-Identifier: BSD-2-Clause */
/* What RACESHIM_TRACE says: PATH, and behind it any number of words, each behind a colon. */

#include "wish.h"

#include <raceshim/trace.h>

#include "core/wish.h"

static const struct {
	const char *word;
	uint32_t kinds;
} words[] = {
        {"raw", 0},
        {"auto", RSH_TRACE_AUTO_ALL},
        {"threads", RSH_TRACE_AUTO_THREADS},
        {"waits", RSH_TRACE_AUTO_WAITS},
        {"calls", RSH_TRACE_AUTO_CALLS},
        {"samples", RSH_TRACE_AUTO_SAMPLES},
};

int rshi_trace_wish_word(const char *value, size_t n, struct rshi_trace_wish *wish)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!rshi_wish_is_word(value, n, words[i].word))
			continue;
		wish->is_raw |= i == 0;
		wish->automatic |= words[i].kinds;
		return 1;
	}
	return 0;
}

const char *rshi_trace_wish(const char *value, struct rshi_trace_wish *wish, char *pattern)
{
	size_t n = rshi_wish_length(value), at;

	*wish = (struct rshi_trace_wish){0};
	while ((at = rshi_wish_last_part(value, n)) < n &&
	       rshi_trace_wish_word(value + at, n - at, wish))
		n = at - 1;
	if (!n)
		return "there is no path: PATH[:raw][:auto]";
	return rshi_wish_absolute(value, n, pattern);
}
