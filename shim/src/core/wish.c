/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking PATH[:MORE] apart. */

#include <asm/unistd.h>
#include <errno.h>

#include "files.h"
#include "sys.h"
#include "text.h"
#include "wish.h"

#define CAN_WRITE 2 /* W_OK */

size_t rshi_wish_length(const char *value)
{
	size_t n = 0;

	while (value[n]) {
		n++;
		__asm__ volatile("" : "+r"(n)); /* or it would be a call of strlen */
	}
	return n;
}

size_t rshi_wish_last_part(const char *value, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		if (value[i] == ':')
			return i + 1;
	}
	return n;
}

int rshi_wish_is_word(const char *value, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && word[i] && value[i] == word[i])
		i++;
	return i == n && !word[i];
}

int rshi_wish_is_number(const char *value, size_t n, uint64_t most, uint64_t *number)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return 0;
		if (v <= most / 10)
			v = v * 10 + (uint64_t)(value[i] - '0');
		else
			v = most + 1;
	}
	*number = v > most ? most + 1 : v;
	return n > 0;
}

const char *rshi_wish_absolute(const char *value, size_t n, char *pattern)
{
	struct rshi_text t;

	rshi_text_begin(&t, pattern, RSHI_PATH_MAX);
	if (value[0] != '/') {
		if (rshi_call_sig(__NR_getcwd, (long)pattern, RSHI_PATH_MAX, 0, 0, 0) < 0)
			return "the working directory is gone";
		while (*t.at)
			t.at++;
		rshi_text_byte(&t, '/');
	}
	for (size_t i = 0; i < n; i++)
		rshi_text_byte(&t, value[i]);
	return t.is_cut ? "the path is too long" : NULL;
}

int rshi_wish_path(const char *pattern, uint64_t pid, int is_first, char *path)
{
	int has_pid = is_first;
	struct rshi_text t;

	rshi_text_begin(&t, path, RSHI_PATH_MAX);
	for (const char *p = pattern; *p; p++) {
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

int rshi_wish_check_directory(char *path)
{
	size_t slash = 0;
	int err, fd;

	for (size_t i = 0; path[i]; i++)
		slash = path[i] == '/' ? i : slash;
	path[slash] = '\0';
	err = rshi_open_directory_sig(slash ? path : "/", &fd);
	if (!err) {
		err = (int)-rshi_call_sig(__NR_faccessat, fd, (long)".", CAN_WRITE, 0, 0);
		rshi_close_sig(fd);
	}
	path[slash] = '/';
	return err;
}
