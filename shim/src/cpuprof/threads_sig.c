/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc tells about threads, read past libc. */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/signal.h>
#include <linux/types.h>

#include "core/files.h"
#include "core/sys.h"
#include "session.h"
#include "threads.h"

/* What getdents64 fills in: no header of the kernel's has it. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

#define NAME_AT 19 /* in an entry, in bytes: the struct above has padding behind it */

static int number(const char *text)
{
	int n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (*text - '0');
	return n;
}

int rshi_threads_list_sig(void (*see)(int tid))
{
	_Alignas(8) char buf[2048];
	int dir, err = rshi_open_directory_sig("/proc/self/task", &dir);
	long n;

	if (err)
		return err;
	while ((n = rshi_call_sig(__NR_getdents64, dir, (long)buf, sizeof(buf), 0, 0)) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(buf + at);
			int tid = number((const char *)e + NAME_AT);

			if (tid)
				see(tid);
			at += e->length;
		}
	}
	rshi_close_sig(dir);
	return n < 0 ? (int)-n : 0;
}

/* Open /proc/self/task/@tid/@file. */
static int open_file(int tid, const char *file, int *fd)
{
	static const char folder[] = "/proc/self/task/";
	char path[64], digits[12], *p = path;
	int n = 0;

	for (const char *from = folder; *from; from++)
		*(volatile char *)p++ = *from;
	do
		digits[n++] = (char)('0' + tid % 10);
	while (tid /= 10);
	while (n)
		*(volatile char *)p++ = digits[--n];
	*p++ = '/';
	for (; *file; file++)
		*(volatile char *)p++ = *file;
	*p = '\0';
	return rshi_open_sig(RSHI_CWD, path, fd);
}

void rshi_threads_name_sig(int tid, char *name)
{
	size_t n = 0;
	int fd;

	if (open_file(tid, "comm", &fd))
		return;
	if (!rshi_read_sig(fd, name, RSHI_NAME, &n) && n)
		name[n - 1] = '\0'; /* in place of the end of the line */
	rshi_close_sig(fd);
}

/* The value of the line that begins with @key, in hexadecimal; 0 if there is none. */
static uint64_t hex_line(const char *text, size_t n, const char *key)
{
	uint64_t value = 0;
	size_t i = 0, k = 0;

	for (; i < n && key[k]; i++)
		k = text[i] == key[k] ? k + 1 : text[i] == key[0];
	for (; i < n && text[i] != '\n'; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			value = value << 4 | (uint64_t)(text[i] - '0');
		else if (text[i] >= 'a' && text[i] <= 'f')
			value = value << 4 | (uint64_t)(text[i] - 'a' + 10);
	}
	return value;
}

int rshi_threads_blocks_sig(int tid)
{
	char text[2048];
	size_t n = 0;
	int fd;

	if (open_file(tid, "status", &fd))
		return 0;
	if (rshi_read_sig(fd, text, sizeof(text), &n))
		n = 0;
	rshi_close_sig(fd);
	return (int)(hex_line(text, n, "\nSigBlk:") >> (SIGPROF - 1) & 1);
}
