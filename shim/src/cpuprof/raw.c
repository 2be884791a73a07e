/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples into memory of the caller's: rsh_cpuprof_read(). */

#include <errno.h>

#include <raceshim/cpuprof.h>
#include <raceshim/sigsafe.h>

#include "core/detector.h"
#include "core/files.h"
#include "core/ticks.h"
#include "labels.h"
#include "output.h"

#define CHUNK    65536u              /* words that a pool hands over at once, at most */
#define STAGE    ((size_t)2 * CHUNK) /* words */
#define ATTEMPTS 5

/* Whoever has set `busy` reads; the rest is the reader's. */
static uint32_t busy; /* atomic */
static uint64_t *stage;
static size_t used, at;  /* words in it, and how many of them have been taken */
static uint32_t session; /* that they are of */

/* How the processor's clock compares with the kernel's. */
struct scale {
	uint64_t start, ticks; /* at the beginning */
	double ns;             /* of one tick */
};

static int keep(void *arg, int tid, const uint64_t *records, size_t n)
{
	(void)arg;
	(void)tid;
	rsh_memcpy_sig(stage + used, records, n * sizeof(*records));
	used += n;
	rshi_output_count(records, n);
	rshi_output_share(records, n);
	return used > STAGE - CHUNK ? EAGAIN : 0;
}

/* With the output's lock. */
static int fill(void)
{
	struct rshi_output *out = &rshi_output;
	void *memory;
	int err;

	if (!out->pool || out->profile)
		return ESRCH;
	if (!stage) {
		err = rshi_mmap_sig(STAGE * sizeof(*stage), &memory);
		if (err)
			return err;
		stage = memory;
	}
	if (session != rshi_cpuprof_sig.session)
		at = used;
	session = rshi_cpuprof_sig.session;
	if (at == used) {
		at = 0;
		used = 0;
		(void)rshi_pool_read(out->pool, keep, NULL);
	}
	return 0;
}

static size_t count(size_t n)
{
	size_t found = 0;

	for (size_t i = at; i < used && found < n; found++)
		i += rshi_record_length(&stage[i]);
	return found;
}

/*
 * The time, and the ticks at that moment. The thread may lose its processor between the two: the
 * closest of some attempts, or a record would seem to be earlier than one that was read before it.
 */
static uint64_t read_both(uint64_t *ticks)
{
	uint64_t time = 0, closest = UINT64_MAX;

	for (int i = 0; i < ATTEMPTS; i++) {
		uint64_t before = rshi_ticks_sig(), now = rshi_now_sig();
		uint64_t apart = rshi_ticks_sig() - before;

		if (apart >= closest)
			continue;
		closest = apart;
		time = now;
		*ticks = before + apart / 2;
	}
	return time;
}

static struct scale scale(void)
{
	struct scale s = {rshi_output.start, rshi_output.start_ticks, 0};
	uint64_t ticks = 0, now = read_both(&ticks);

	if (ticks > s.ticks && now > s.start)
		s.ns = (double)(now - s.start) / (double)(ticks - s.ticks);
	return s;
}

static void convert(const uint64_t *from, const struct scale *s, struct rsh_cpuprof_record *to)
{
	const uint64_t *header = from + 2, *body = header + RSHI_HEADER_WORDS;
	uint32_t kind = rshi_record_kind(from);
	const struct rshi_labels *labels;
	const char *key = NULL;

	rsh_memset_sig(to, 0, sizeof(*to));
	if (from[1] > s->ticks)
		to->time = s->start + (uint64_t)((double)(from[1] - s->ticks) * s->ns);
	if (kind != RSHI_SAMPLE) {
		to->lost = (int32_t)(kind - RSHI_LOST);
		to->ticks = *body;
		return;
	}
	to->lost = -1;
	to->tid = (int32_t)(header[RSHI_HEADER_THREAD] >> 32);
	to->ticks = (uint32_t)header[RSHI_HEADER_THREAD];
	labels = (const struct rshi_labels *)(uintptr_t)(header[RSHI_HEADER_LABELS] &
	                                                 ~(uint64_t)RSHI_END_MASK);
	if (labels)
		to->n_labels = rshi_labels_get(labels, &key);
	to->labels = key;
	to->n = (uint32_t)(rshi_record_length(from) - 2 - RSHI_HEADER_WORDS);
	rsh_memcpy_sig(to->pcs, body, to->n * sizeof(*body));
}

static int read_records(const struct rshi_caller *caller, struct rsh_cpuprof_record *records,
                        size_t n, size_t *got)
{
	struct scale s;
	int err;

	rshi_lock(&rshi_output.lock);
	err = fill();
	s = scale();
	rshi_unlock(&rshi_output.lock);
	if (err)
		return err;
	n = count(n);
	/* Without a lock: a report may call functions of the program's. */
	rshi_frame_push(caller);
	rshi_will_write(caller, got, sizeof(*got));
	if (n)
		rshi_will_write(caller, records, n * sizeof(*records));
	rshi_frame_pop();
	for (size_t i = 0; i < n; i++) {
		convert(&stage[at], &s, &records[i]);
		at += rshi_record_length(&stage[at]);
	}
	*got = n;
	return 0;
}

__attribute__((noinline)) int rsh_cpuprof_read(struct rsh_cpuprof_record *records, size_t n,
                                               size_t *got)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cpuprof_read);
	int err;

	if (!records || !got)
		return EINVAL;
	/* [CP1] acquire, pairs with [CP2]: the stage is as the last reader left it. */
	if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
		return EBUSY;
	err = read_records(&caller, records, n, got);
	/* [CP2] release, pairs with [CP1]. */
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	return err;
}
