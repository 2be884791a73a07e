/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples out of the rings into a profile. */

#include <errno.h>

#include "core/files.h"
#include "core/samples.h"
#include "core/ticks.h"
#include "core/whole_file.h"
#include "encode/pprof.h"
#include "comment.h"
#include "labels.h"
#include "output.h"
#include "slots.h"

#define MEMORY_MAX ((size_t)256 << 20) /* of the samples of a profile */
#define LABELS     (RSHI_LABELS_MAX + 2)

struct rshi_output rshi_output;

static const char *const pseudo[RSHI_LOST_CLASSES] = {
        [RSHI_LOST_OVERFLOW] = "_LostOverflow", [RSHI_LOST_EXTRA] = "_LostExtra",
        [RSHI_LOST_BUSY] = "_LostBusy",         [RSHI_LOST_WINDOW] = "_LostWindow",
        [RSHI_LOST_UNWIND] = "_LostUnwind",
};

/* What one call of emit() knows of the thread. */
struct thread {
	int tid; /* 0: none yet */
	char name[RSHI_NAME];
};

static int create_profile(uint64_t period, int is_wall, struct rshi_pprof **profile)
{
	const struct rshi_pprof_type samples = {"samples", "count"};
	const struct rshi_pprof_type time = {is_wall ? "wall" : "cpu", "nanoseconds"};
	const struct rshi_pprof_type types[] = {samples, time};
	const struct rshi_pprof_options options = {
	        .types = types,
	        .n_types = 2,
	        .period_type = time,
	        .period = (int64_t)period,
	        .limit = MEMORY_MAX,
	};
	const int64_t nothing[] = {0, 0};
	int err = rshi_pprof_create(&options, profile);

	/* From now on a loss can always be added. */
	for (int why = 0; why < RSHI_LOST_CLASSES && !err; why++) {
		err = rshi_pprof_add_pseudo(*profile, pseudo[why], nothing);
		if (err)
			rshi_pprof_destroy(*profile);
	}
	return err;
}

int rshi_output_begin(int is_raw, uint64_t period, size_t rings, size_t size)
{
	struct rshi_output *out = &rshi_output;
	struct rshi_pprof *profile = NULL;
	struct rshi_pool *pool;
	int err = rshi_pool_create(rings, size, RSHI_HEADER_WORDS, &pool);

	if (!err && !is_raw) {
		err = create_profile(period, out->clock == RSH_CPUPROF_WALL, &profile);
		if (err)
			rshi_pool_destroy(pool);
	}
	if (err)
		return err;
	rshi_lock(&out->lock);
	out->pool = pool;
	out->profile = profile;
	out->start = rshi_now_sig();
	out->start_ticks = rshi_ticks_sig();
	out->end = 0;
	out->truncated = 0;
	out->ticks = 0;
	out->unkept = 0;
	out->blocked = 0;
	__atomic_store_n(&out->taken, 0, __ATOMIC_RELAXED);
	rshi_unlock(&out->lock);
	return 0;
}

void rshi_output_end(void)
{
	struct rshi_output *out = &rshi_output;

	if (out->pool)
		rshi_pool_destroy(out->pool);
	rshi_pprof_destroy(out->profile);
	out->pool = NULL;
	out->profile = NULL;
}

static void add_loss(uint32_t why, uint64_t ticks)
{
	const int64_t values[] = {(int64_t)ticks, (int64_t)(ticks * rshi_output.period)};

	rshi_output.ticks += ticks;
	if (rshi_output.profile)
		(void)rshi_pprof_add_pseudo(rshi_output.profile, pseudo[why], values);
}

/* The thread's name and id, and what it has set. Returns how many. */
static size_t label(struct rshi_pprof_label *labels, const struct thread *thread,
                    const struct rshi_labels *set)
{
	const char *key = NULL, *value;
	uint32_t own = set ? rshi_labels_get(set, &key) : 0;
	size_t n = 0;

	if (thread->name[0])
		labels[n++] = (struct rshi_pprof_label){.key = "thread", .value = thread->name};
	labels[n++] = (struct rshi_pprof_label){.key = "tid", .number = thread->tid};
	for (; own; own--) {
		value = rshi_labels_next(key);
		labels[n++] = (struct rshi_pprof_label){.key = key, .value = value};
		key = rshi_labels_next(value);
	}
	return n;
}

static void add_sample(const uint64_t *record, struct thread *thread)
{
	struct rshi_output *out = &rshi_output;
	const uint64_t *header = record + 2, *pcs = header + RSHI_HEADER_WORDS;
	size_t n = rshi_record_length(record) - 2 - RSHI_HEADER_WORDS;
	int tid = (int)(header[RSHI_HEADER_THREAD] >> 32);
	uint64_t ticks = (uint32_t)header[RSHI_HEADER_THREAD];
	uint64_t end = header[RSHI_HEADER_LABELS] & RSHI_END_MASK;
	const struct rshi_labels *set =
	        (const struct rshi_labels *)(uintptr_t)(header[RSHI_HEADER_LABELS] - end);
	const int64_t values[] = {(int64_t)ticks, (int64_t)(ticks * out->period)};
	struct rshi_pprof_label labels[LABELS];

	if (thread->tid != tid) {
		thread->tid = tid;
		rshi_slot_name_sig(tid, thread->name);
	}
	if (rshi_pprof_add(out->profile, (const uintptr_t *)pcs, n, values, labels,
	                   label(labels, thread, set))) {
		out->unkept++;
		add_loss(RSHI_LOST_OVERFLOW, ticks);
		return;
	}
	out->ticks += ticks;
	out->truncated += end != RSHI_END_ROOT && end != RSHI_END_USER;
}

/* What this record is to somebody else. Returns 0 if it is no sample. */
static int to_sample(const uint64_t *record, struct thread *thread, struct rshi_cpu_sample *sample)
{
	const uint64_t *header = record + 2;

	if (rshi_record_kind(record) != RSHI_SAMPLE)
		return 0;
	sample->tid = (int)(header[RSHI_HEADER_THREAD] >> 32);
	sample->ticks = record[1];
	sample->pcs = (const uintptr_t *)(header + RSHI_HEADER_WORDS);
	sample->n = rshi_record_length(record) - 2 - RSHI_HEADER_WORDS;
	if (thread->tid != sample->tid) {
		thread->tid = sample->tid;
		rshi_slot_name_sig(thread->tid, thread->name);
	}
	sample->thread = thread->name;
	return 1;
}

void rshi_output_share(const uint64_t *records, size_t n)
{
	const struct rshi_sample_sink *sink = rshi_samples_sink();
	struct thread thread = {0};
	struct rshi_cpu_sample sample;

	if (!sink)
		return;
	for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
		if (to_sample(&records[i], &thread, &sample))
			sink->announce(&sample);
	}
	for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
		if (to_sample(&records[i], &thread, &sample))
			sink->take(&sample);
		else
			sink->lose(records[i + 2 + RSHI_HEADER_WORDS]);
	}
}

/* The pool's one door leads here. */
static int emit(void *arg, int tid, const uint64_t *records, size_t n)
{
	struct thread *thread = arg;

	(void)tid; /* the records have it, also those of threads without a ring */
	rshi_output_share(records, n);
	for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
		uint32_t kind = rshi_record_kind(&records[i]);

		if (kind == RSHI_SAMPLE)
			add_sample(&records[i], thread);
		else
			add_loss(kind - RSHI_LOST, records[i + 2 + RSHI_HEADER_WORDS]);
	}
	return 0;
}

void rshi_output_count(const uint64_t *records, size_t n)
{
	struct rshi_output *out = &rshi_output;

	for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
		const uint64_t *header = &records[i + 2];
		uint64_t end = header[RSHI_HEADER_LABELS] & RSHI_END_MASK;

		if (rshi_record_kind(&records[i]) != RSHI_SAMPLE) {
			out->ticks += header[RSHI_HEADER_WORDS];
			continue;
		}
		out->ticks += (uint32_t)header[RSHI_HEADER_THREAD];
		out->truncated += end != RSHI_END_ROOT && end != RSHI_END_USER;
	}
}

void rshi_output_drain(void)
{
	struct rshi_output *out = &rshi_output;
	struct thread thread = {0};
	uint64_t missed;

	if (!out->pool || !out->profile)
		return;
	(void)rshi_pprof_note_mappings(out->profile);
	(void)rshi_pool_read(out->pool, emit, &thread);
	/* What lost samples stood for beyond themselves. */
	missed = __atomic_exchange_n(&rshi_cpuprof_sig.missed, 0, __ATOMIC_RELAXED);
	if (missed)
		add_loss(RSHI_LOST_OVERFLOW, missed);
}

void rshi_output_stats(struct rsh_cpuprof_stats *stats)
{
	struct rshi_output *out = &rshi_output;
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;
	struct rshi_pool_account account;

	rshi_pool_account(out->pool, &account);
	stats->accepted = account.accepted;
	stats->delivered = account.delivered - out->unkept;
	for (int why = 0; why < RSHI_LOST_CLASSES; why++)
		stats->lost[why] = account.lost[why];
	stats->lost[RSHI_LOST_OVERFLOW] += out->unkept;
	stats->truncated = out->truncated;
	stats->ticks = out->ticks;
	stats->hz = out->hz;
	stats->clock = out->clock;
	stats->blocked = out->blocked;
	stats->taken = __atomic_load_n(&out->taken, __ATOMIC_RELAXED);
	rshi_lock(&s->lock);
	stats->threads = s->threads;
	stats->fell_back = s->fell_back;
	stats->unsampled = s->unsampled;
	rshi_unlock(&s->lock);
}

static int encode(struct rshi_grow *bytes)
{
	struct rshi_output *out = &rshi_output;
	const struct rsh_writer keeper = {rshi_keep, bytes};
	struct rsh_cpuprof_stats stats;
	uint64_t end;
	int err;

	if (!out->pool || !out->profile)
		return ESRCH;
	rshi_output_drain();
	rshi_output_stats(&stats);
	err = rshi_comment(out, &stats);
	if (err)
		return err;
	end = out->end ? out->end : rshi_now_sig();
	return rshi_pprof_write(out->profile, (int64_t)out->start, (int64_t)(end - out->start),
	                        &keeper);
}

int rshi_output_write(const struct rsh_writer *w)
{
	struct rshi_grow bytes = {0};
	int err;

	rshi_lock(&rshi_output.lock);
	err = encode(&bytes);
	rshi_unlock(&rshi_output.lock);
	return rshi_hand_over(&bytes, err, w);
}
