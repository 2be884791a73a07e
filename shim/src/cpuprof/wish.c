/* SPDX-License-Identifier: BSD-2-Clause */
/* What RACESHIM_CPUPROFILE says: PATH[:HZ[:CLOCK]]. */

#include <asm/unistd.h>
#include <errno.h>

#include "env.h"
#include "text.h"

/* Where the last part behind a colon begins in the @n bytes at @value; @n if there is none. */
static size_t last_part(const char *value, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		if (value[i] == ':')
			return i + 1;
	}
	return n;
}

static int is_word(const char *value, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && word[i] && value[i] == word[i])
		i++;
	return i == n && !word[i];
}

static int is_clock(const char *value, size_t n, uint32_t *clock)
{
	static const char *const names[] = {
	        [RSH_CPUPROF_AUTO] = "auto",
	        [RSH_CPUPROF_PERF] = "perf",
	        [RSH_CPUPROF_TIMER] = "timer",
	        [RSH_CPUPROF_WALL] = "wall",
	};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (is_word(value, n, names[i])) {
			*clock = i;
			return 1;
		}
	}
	return 0;
}

static int is_number(const char *value, size_t n, uint32_t *number)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return 0;
		if (v <= RSH_CPUPROF_HZ_MAX)
			v = v * 10 + (uint32_t)(value[i] - '0');
	}
	*number = v;
	return n > 0;
}

const char *rshi_wish_parse(const char *value, struct rshi_wish *wish)
{
	struct rsh_cpuprof_options *o = &wish->options;
	size_t n = 0, at;
	int has_clock = 0;
	struct rshi_text t;

	o->hz = 0;
	o->clock = RSH_CPUPROF_AUTO;
	o->raw = 0;
	while (value[n]) {
		n++;
		__asm__ volatile("" : "+r"(n));
	}
	at = last_part(value, n);
	if (at < n && is_clock(value + at, n - at, &o->clock)) {
		has_clock = 1;
		n = at - 1;
		at = last_part(value, n);
	}
	if (at < n && is_number(value + at, n - at, &o->hz)) {
		n = at - 1;
		if (!o->hz || o->hz > RSH_CPUPROF_HZ_MAX)
			return "the rate has to be 1 to 5000";
	} else if (has_clock) {
		return "a clock stands behind the rate: PATH:HZ:CLOCK";
	}
	if (!n)
		return "there is no path: PATH[:HZ[:CLOCK]]";
	rshi_text_begin(&t, wish->path, sizeof(wish->path));
	if (value[0] != '/') {
		if (rshi_call_sig(__NR_getcwd, (long)wish->path, sizeof(wish->path), 0, 0, 0) < 0)
			return "the working directory is gone";
		while (*t.at)
			t.at++;
		rshi_text_byte(&t, '/');
	}
	for (size_t i = 0; i < n; i++)
		rshi_text_byte(&t, value[i]);
	return t.is_cut ? "the path is too long" : NULL;
}

int rshi_wish_path(const struct rshi_wish *wish, uint64_t pid, int is_first, char *path,
                   size_t size)
{
	int has_pid = is_first;
	struct rshi_text t;

	rshi_text_begin(&t, path, size);
	for (const char *p = wish->path; *p; p++) {
		if (p[0] == '%' && p[1] == 'p') {
			rshi_text_number(&t, pid);
			has_pid = 1;
			p++;
		} else {
			rshi_text_byte(&t, *p);
		}
	}
	if (!has_pid) {
		rshi_text_byte(&t, '.');
		rshi_text_number(&t, pid);
	}
	return t.is_cut ? ENAMETOOLONG : 0;
}
