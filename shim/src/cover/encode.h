/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_ENCODE_H
#define RSH_COVER_ENCODE_H

/* The units of docs/formats.md. Compiled into ordinary code and into code for handlers alike. */

#include "unit.h"

#define RSHI_VERSION     1
#define RSHI_HEADER      64
#define RSHI_TRAILER     8
#define RSHI_END_MARK    0x21444e45u
#define RSHI_META_MAGIC  "RSHCOVM\n"
#define RSHI_COUNT_MAGIC "RSHCOVC\n"

/* Version, engine and mode: bytes 8 to 11 of a header, with which the hash begins. */
static inline void rshi_kind_of(const struct rshi_unit *u, unsigned char kind[4])
{
	kind[0] = RSHI_VERSION;
	kind[1] = 0;
	kind[2] = u->engine;
	kind[3] = u->mode;
}

static inline void rshi_put_header(struct rshi_sink *s, const struct rshi_unit *u,
                                   const char *magic, uint64_t body, const uint64_t words[3])
{
	unsigned char kind[4];

	s->crc = 0;
	s->summed = s->fill;
	rshi_kind_of(u, kind);
	rshi_put_bytes(s, magic, 8);
	rshi_put_bytes(s, kind, sizeof(kind));
	rshi_put_u32(s, RSHI_HEADER);
	rshi_put_u64(s, RSHI_HEADER + body + RSHI_TRAILER);
	rshi_put_bytes(s, u->hash, sizeof(u->hash));
	for (int i = 0; i < 3; i++)
		rshi_put_u64(s, words[i]);
}

static inline void rshi_put_trailer(struct rshi_sink *s)
{
	rshi_sink_sum(s);
	rshi_put_u32(s, s->crc);
	rshi_put_u32(s, RSHI_END_MARK);
}

static inline void rshi_put_identity(struct rshi_sink *s, const struct rshi_unit *u,
                                     const struct rshi_cover_engine *ops)
{
	rshi_put_str(s, u->build_id);
	rshi_put_str(s, u->live->compiler);
	ops->identity(u, s);
}

/* The meta unit of a unit that is loaded. */
static inline void rshi_put_meta(struct rshi_sink *s, const struct rshi_unit *u,
                                 const struct rshi_cover_engine *ops)
{
	const uint64_t words[3] = {u->counters, u->functions, 0};
	struct rshi_sink body;

	rshi_sink_count(&body);
	rshi_put_str(&body, u->path);
	rshi_put_identity(&body, u, ops);
	rshi_put_header(s, u, RSHI_META_MAGIC, body.total, words);
	rshi_put_str(s, u->path);
	rshi_put_identity(s, u, ops);
	rshi_put_trailer(s);
}

/* The counters unit with the counts @copy, read at @time in process @pid. */
static inline void rshi_put_counters(struct rshi_sink *s, const struct rshi_unit *u,
                                     const struct rshi_cover_engine *ops, const void *copy,
                                     uint64_t pid, uint64_t time)
{
	uint64_t words[3] = {0, pid, time};
	struct rshi_sink body;

	rshi_sink_count(&body);
	words[0] = ops->records(u, copy, &body);
	rshi_put_header(s, u, RSHI_COUNT_MAGIC, body.total, words);
	ops->records(u, copy, s);
	rshi_put_trailer(s);
}

#endif /* RSH_COVER_ENCODE_H */
