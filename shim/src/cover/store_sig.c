/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are complete when they have their name. */

#include <linux/errno.h>

#include "core/files.h"
#include "encode.h"
#include "store.h"

#define AT_LENGTH 16 /* offsets in a header */
#define AT_HASH   24

uint64_t rshi_unique_time_sig(void)
{
	static uint64_t last; /* atomic */
	uint64_t before = __atomic_load_n(&last, __ATOMIC_RELAXED), now = rshi_now_sig(), next;

	do
		next = now > before ? now : before + 1;
	while (!__atomic_compare_exchange_n(&last, &before, next, 1, __ATOMIC_RELAXED,
	                                    __ATOMIC_RELAXED));
	return next;
}

static char *add(char *to, const char *text)
{
	for (; *text; text++)
		*to++ = *text;
	*to = '\0';
	return to;
}

char *rshi_decimal_sig(char *to, uint64_t v)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*to++ = digits[--n];
	*to = '\0';
	return to;
}

static char *add_hash(char *to, const unsigned char hash[16])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		*to++ = digits[hash[i] >> 4];
		*to++ = digits[hash[i] & 15];
	}
	*to = '\0';
	return to;
}

void rshi_name_meta_sig(struct rshi_store *store, const unsigned char hash[16])
{
	add_hash(add(store->name, "covmeta."), hash);
}

static char *add_process(char *to, uint64_t pid, uint64_t time)
{
	return rshi_decimal_sig(add(rshi_decimal_sig(add(to, "."), pid), "."), time);
}

void rshi_name_counters_sig(struct rshi_store *store, const unsigned char hash[16], uint64_t pid,
                            uint64_t time)
{
	add_process(add_hash(add(store->name, "covcounters."), hash), pid, time);
}

int rshi_store_begin_sig(struct rshi_store *store, int dir, uint64_t pid, uint64_t time)
{
	store->dir = dir;
	add(add_process(add(add(store->temporary, "."), store->name), pid, time), ".tmp");
	return rshi_create_sig(dir, store->temporary, &store->fd);
}

int rshi_store_write_sig(void *store, const void *bytes, size_t n)
{
	const struct rshi_store *s = store;

	return rshi_write_sig(s->fd, bytes, n);
}

int rshi_store_end_sig(struct rshi_store *store, int err, int keep)
{
	/* Some file systems tell at the close that there was no room. */
	int err_of_close = rshi_close_sig(store->fd);

	if (!err && err_of_close != EINTR)
		err = err_of_close;
	if (!err)
		err = rshi_rename_sig(store->dir, store->temporary, store->name, keep);
	if (err)
		rshi_unlink_sig(store->dir, store->temporary);
	return err;
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int is_intact(int fd, uint64_t size, const unsigned char *meta)
{
	unsigned char buf[1024], trailer[RSHI_TRAILER];
	uint64_t left = size - RSHI_TRAILER;
	uint32_t crc = 0;
	size_t got;

	for (int first = 1; left; left -= got, first = 0) {
		size_t n = left < sizeof(buf) ? (size_t)left : sizeof(buf);

		if (rshi_read_sig(fd, buf, n, &got) || got != n)
			return 0;
		if (first && (rsh_memcmp_sig(buf, meta, 12) != 0 ||
		              rsh_memcmp_sig(buf + AT_HASH, meta + AT_HASH, 16) != 0 ||
		              get32(buf + AT_LENGTH) != (uint32_t)size ||
		              get32(buf + AT_LENGTH + 4) != (uint32_t)(size >> 32)))
			return 0;
		crc = rshi_crc32_sig(crc, buf, n);
	}
	return !rshi_read_sig(fd, trailer, sizeof(trailer), &got) && got == sizeof(trailer) &&
	       get32(trailer) == crc && get32(trailer + 4) == RSHI_END_MARK;
}

int rshi_meta_is_intact_sig(const struct rshi_store *store, int dir, const unsigned char *meta)
{
	struct rshi_file file;
	int fd, intact;

	if (rshi_open_sig(dir, store->name, &fd))
		return 0;
	intact = !rshi_stat_sig(fd, &file) && !file.is_directory &&
	         file.size >= RSHI_HEADER + RSHI_TRAILER && is_intact(fd, file.size, meta);
	rshi_close_sig(fd);
	return intact;
}

int rshi_store_meta_sig(int dir, const struct rshi_unit *u, const unsigned char *meta, size_t n)
{
	struct rshi_store store;
	int err;

	rshi_name_meta_sig(&store, u->hash);
	if (rshi_meta_is_intact_sig(&store, dir, meta))
		return 0;
	err = rshi_store_begin_sig(&store, dir, (uint64_t)rshi_getpid_sig(),
	                           rshi_unique_time_sig());
	if (err)
		return err;
	return rshi_store_end_sig(&store, rshi_store_write_sig(&store, meta, n), 0);
}
