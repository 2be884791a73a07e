/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_FILES_H
#define RSH_CORE_FILES_H

/*
 * Files past libc and the interceptors, for handlers, and because a detector takes what two threads
 * do to one descriptor for synchronisation.
 *
 * All functions return 0 or a positive errno constant, leave errno alone, are async-signal-safe,
 * and may be called from any thread. Descriptors are not inherited across an exec.
 */

#include <stddef.h>
#include <stdint.h>

#define RSHI_CWD      (-100) /* as a directory: the working directory */
#define RSHI_PATH_MAX 4096

/* What a descriptor refers to. */
struct rshi_file {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int is_directory;
};

int rshi_open_directory_sig(const char *path, int *fd);
int rshi_open_sig(int dir, const char *name, int *fd); /* for reading; no link */
int rshi_open_linked_sig(const char *path, int *fd);   /* for reading, through links */

/* A file that does not exist yet, for writing; EEXIST if it does, also as a link. */
int rshi_create_sig(int dir, const char *name, int *fd);

/* A file that exists, to write at its end; no link. */
int rshi_append_sig(int dir, const char *name, int *fd);

/* Read until @n bytes or the end of the file; how many it were goes to *@got. */
int rshi_read_sig(int fd, void *buf, size_t n, size_t *got);
/* The same from @at on, whatever the position of the descriptor, which stays. */
int rshi_read_at_sig(int fd, void *buf, size_t n, uint64_t at, size_t *got);
/* Write all @n bytes. */
int rshi_write_sig(int fd, const void *buf, size_t n);
int rshi_close_sig(int fd);

/* Rename within @dir; with @keep an existing @to is left alone: EEXIST. */
int rshi_rename_sig(int dir, const char *from, const char *to, int keep);
int rshi_unlink_sig(int dir, const char *name);

int rshi_stat_sig(int fd, struct rshi_file *file);

/* What a symbolic link contains, with a NUL; ENAMETOOLONG if that needs more than @size bytes. */
int rshi_readlink_sig(const char *path, char *buf, size_t size);

/* A second descriptor, the first free one from @lowest on. */
int rshi_dup_sig(int fd, int lowest, int *copy);

/* Nanoseconds since 1970. */
uint64_t rshi_now_sig(void);

#endif /* RSH_CORE_FILES_H */
