/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the parent has got the file's name already. What it has set in its environment since its
 * start does not reach all children: a detector's symbolizer starts with the environment that the
 * parent itself was started with.
 */

#include <asm/unistd.h>

#include <raceshim/sigsafe.h>

#include "core/files.h"
#include "core/sys.h"
#include "env.h"
#include "text.h"

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

int rshi_parent_was_first(const char *variable, const char *value)
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
