/* SPDX-License-Identifier: BSD-2-Clause */
/* Files past libc and the interceptors, Linux. Structures are the kernel's, not libc's. */

#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "files.h"
#include "sys.h"

#define LARGEST_ERRNO 4095
#define NO_REPLACE    1u /* RENAME_NOREPLACE of <linux/fs.h>, which older kernels' headers lack */

static inline int error_of(long result)
{
	return result < 0 && result >= -LARGEST_ERRNO ? (int)-result : 0;
}

static int open_at(int dir, const char *name, int flags, int *fd)
{
	long result;
	int err;

	do {
		result = rshi_call_sig(__NR_openat, dir, (long)name, flags | O_CLOEXEC, 0666, 0);
		err = error_of(result);
	} while (err == EINTR);
	if (!err)
		*fd = (int)result;
	return err;
}

int rshi_open_directory_sig(const char *path, int *fd)
{
	return open_at(RSHI_CWD, path, O_RDONLY | O_DIRECTORY, fd);
}

int rshi_open_sig(int dir, const char *name, int *fd)
{
	return open_at(dir, name, O_RDONLY | O_NOFOLLOW, fd);
}

int rshi_open_linked_sig(const char *path, int *fd)
{
	return open_at(RSHI_CWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, fd);
}

int rshi_create_sig(int dir, const char *name, int *fd)
{
	return open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fd);
}

int rshi_append_sig(int dir, const char *name, int *fd)
{
	return open_at(dir, name, O_WRONLY | O_APPEND | O_NOFOLLOW, fd);
}

/* By read, which takes no notice of @at, or by pread64. */
static int read_by(long call, int fd, void *buf, size_t n, uint64_t at, size_t *got)
{
	size_t done = 0;

	while (done < n) {
		long result = rshi_call_sig(call, fd, (long)((char *)buf + done), (long)(n - done),
		                            (long)(at + done), 0);
		int err = error_of(result);

		if (err == EINTR)
			continue;
		if (err)
			return err;
		if (result == 0)
			break;
		done += (size_t)result;
	}
	*got = done;
	return 0;
}

int rshi_read_sig(int fd, void *buf, size_t n, size_t *got)
{
	return read_by(__NR_read, fd, buf, n, 0, got);
}

int rshi_read_at_sig(int fd, void *buf, size_t n, uint64_t at, size_t *got)
{
	return read_by(__NR_pread64, fd, buf, n, at, got);
}

int rshi_write_sig(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n) {
		long result = rshi_call_sig(__NR_write, fd, (long)p, (long)n, 0, 0);
		int err = error_of(result);

		if (err == EINTR)
			continue;
		if (err)
			return err;
		if (result == 0)
			return ENOSPC;
		p += result;
		n -= (size_t)result;
	}
	return 0;
}

int rshi_close_sig(int fd)
{
	return error_of(rshi_call_sig(__NR_close, fd, 0, 0, 0, 0));
}

int rshi_rename_sig(int dir, const char *from, const char *to, int keep)
{
	int err = error_of(rshi_call_sig(__NR_renameat2, dir, (long)from, dir, (long)to,
	                                 keep ? (long)NO_REPLACE : 0));

	/* A file system without the flag: names are unique by themselves then. */
	if (keep && (err == EINVAL || err == ENOSYS))
		err = error_of(rshi_call_sig(__NR_renameat2, dir, (long)from, dir, (long)to, 0));
	return err;
}

int rshi_unlink_sig(int dir, const char *name)
{
	return error_of(rshi_call_sig(__NR_unlinkat, dir, (long)name, 0, 0, 0));
}

int rshi_stat_sig(int fd, struct rshi_file *file)
{
	struct stat st;
	int err = error_of(rshi_call_sig(__NR_fstat, fd, (long)&st, 0, 0, 0));

	if (err)
		return err;
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->size = (uint64_t)st.st_size;
	file->is_directory = S_ISDIR(st.st_mode);
	return 0;
}

int rshi_readlink_sig(const char *path, char *buf, size_t size)
{
	long result =
	        rshi_call_sig(__NR_readlinkat, RSHI_CWD, (long)path, (long)buf, (long)size, 0);
	int err = error_of(result);

	if (err)
		return err;
	if ((size_t)result >= size)
		return ENAMETOOLONG;
	buf[result] = '\0';
	return 0;
}

int rshi_dup_sig(int fd, int lowest, int *copy)
{
	long result = rshi_call_sig(__NR_fcntl, fd, F_DUPFD_CLOEXEC, lowest, 0, 0);
	int err = error_of(result);

	if (!err)
		*copy = (int)result;
	return err;
}

uint64_t rshi_now_sig(void)
{
	struct __kernel_timespec t;

	if (rshi_call_sig(__NR_clock_gettime, CLOCK_REALTIME, (long)&t, 0, 0, 0))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
