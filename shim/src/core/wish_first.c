/* SPDX-License-Identifier: BSD-2-Clause */
/* Which process has got the name as it is. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv */
#endif

#include <asm/unistd.h>
#include <stdlib.h>

#include <raceshim/sigsafe.h>

#include "files.h"
#include "sys.h"
#include "text.h"
#include "wish.h"

#define LIBRARY "/libraceshim.so"

/* Before main, by the only thread. */
static char needle[RSHI_PATH_MAX + 64];
static char window[2 * sizeof(needle)];

/* Does a file of process @pid contain the @n bytes at @what? */
static int contains(int pid, const char *file, const char *what, size_t n)
{
	char path[64];
	struct rshi_text t;
	size_t fill = 0, got;
	int fd, found = 0;

	rshi_text_begin(&t, path, sizeof(path));
	rshi_text_add(&t, "/proc/");
	rshi_text_number(&t, (uint64_t)pid);
	rshi_text_add(&t, file);
	if (rshi_open_sig(RSHI_CWD, path, &fd))
		return 0;
	do {
		if (rshi_read_sig(fd, window + fill, sizeof(window) - fill, &got))
			break;
		fill += got;
		for (size_t i = 0; i + n <= fill && !found; i++)
			found = !rsh_memcmp_sig(window + i, what, n);
		if (fill >= n) {
			rsh_memmove_sig(window, window + fill - (n - 1), n - 1);
			fill = n - 1;
		}
	} while (got && !found);
	rshi_close_sig(fd);
	return found;
}

/*
 * Whether the parent has got the name already. What it has set in its environment since its start
 * does not reach all children: a detector's symbolizer starts with the environment that the parent
 * itself was started with. What cannot be read does not say so.
 */
static int parent_was_first(const char *variable, const char *value)
{
	int parent = (int)rshi_call_sig(__NR_getppid, 0, 0, 0, 0, 0);
	struct rshi_text t;

	rshi_text_begin(&t, needle, sizeof(needle));
	rshi_text_add(&t, variable);
	rshi_text_byte(&t, '=');
	rshi_text_add(&t, value);
	/* With the NUL behind it. */
	return !t.is_cut && contains(parent, "/environ", needle, (size_t)(t.at - needle) + 1) &&
	       contains(parent, "/maps", LIBRARY, sizeof(LIBRARY) - 1);
}

int rshi_wish_is_first(const char *variable, const char *value, int pid)
{
	char name[64], mine[RSHI_PATH_MAX + 64];
	const char *first;
	struct rshi_text t;
	size_t i = 0;

	rshi_text_begin(&t, name, sizeof(name));
	rshi_text_add(&t, variable);
	rshi_text_add(&t, "_FIRST"); /* PID:VALUE, of who has read that value first */
	first = secure_getenv(name);
	rshi_text_begin(&t, mine, sizeof(mine));
	rshi_text_number(&t, (uint64_t)pid);
	rshi_text_byte(&t, ':');
	rshi_text_add(&t, value);
	while (first && *first >= '0' && *first <= '9' && first[i] && first[i] == mine[i])
		i++;
	if (first && !first[i] && !mine[i])
		return 1;
	/* Somebody else's, of another value: a profile inside a profile. */
	if (first) {
		const char *rest = first;

		while (*rest >= '0' && *rest <= '9')
			rest++;
		for (i = 0; *rest == ':' && rest[i + 1] && rest[i + 1] == value[i];)
			i++;
		if (*rest == ':' && !rest[i + 1] && !value[i])
			return 0;
	}
	if (!first && parent_was_first(variable, value))
		return 0;
	/* Before main. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	(void)setenv(name, mine, 1);
	return 1;
}
