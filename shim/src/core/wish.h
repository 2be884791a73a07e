/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_WISH_H
#define RSH_CORE_WISH_H

/*
 * What a variable of the environment wishes for: PATH[:MORE], a file that each process leaves.
 *
 * In PATH, %p is the process id, and every process writes its own. Without %p the process that has
 * read the variable first gets the name as it is, also if it becomes another program by exec, and
 * each other one that inherits the variable, by fork or exec, gets PATH.<process id>.
 */

#include <stddef.h>
#include <stdint.h>

/* Where the last part behind a colon begins in the @n bytes at @value; @n if there is none. */
size_t rshi_wish_last_part(const char *value, size_t n);

/* What the @n bytes at @value are. A number above @most becomes one above it. */
int rshi_wish_is_word(const char *value, size_t n, const char *word);
int rshi_wish_is_number(const char *value, size_t n, uint64_t most, uint64_t *number);

size_t rshi_wish_length(const char *value);

/*
 * Make of the @n bytes at @value an absolute path, %p still in it, for which there is room at
 * @pattern: RSHI_PATH_MAX. Returns NULL, or what is wrong.
 */
const char *rshi_wish_absolute(const char *value, size_t n, char *pattern);

/*
 * The path for process @pid, for RSHI_PATH_MAX bytes at @path; @is_first: it may have the name as it
 * is. Returns 0 or ENAMETOOLONG.
 */
int rshi_wish_path(const char *pattern, uint64_t pid, int is_first, char *path);

/* 0, or why no file can be made beside it: an errno constant. @path is changed meanwhile. */
int rshi_wish_check_directory(char *path);

/*
 * Whether process @pid is the one that may have the name as it is. Tells the processes to come, in
 * the variable @variable with _FIRST behind it. Before main, by the only thread.
 */
int rshi_wish_is_first(const char *variable, const char *value, int pid);

#endif /* RSH_CORE_WISH_H */
