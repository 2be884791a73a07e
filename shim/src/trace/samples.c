/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU samples become events. Whoever carries them away from the profiler's rings, one at a time,
 * writes them here: into lanes of a thread that there is not, with batches in the names of those
 * that were sampled. Names of functions are looked up before an event has them.
 */

#include <raceshim/sigsafe.h>

#include "automatic.h"
#include "core/functions.h"
#include "core/samples.h"
#include "emit_engine.h"

#define LIMIT  ((size_t)16 << 20) /* bytes for places and mappings */
#define NOBODY 1u                 /* an owner that no thread can be: it has no process */

/* All but the first is with who carries samples. */
static struct {
	uint32_t is_prepared; /* the control's */

	struct rshi_trace_thread thread;
	uint32_t tid; /* of the open batch */
	struct rshi_functions functions;
	struct rshi_grow names; /* uint32_t, of each place */
	uint64_t ticks, ns;     /* one moment on both clocks, where events have the other one's */
} samples;

static int is_open(void)
{
	return (__atomic_load_n(&rshi_trace_sig.automatic, __ATOMIC_RELAXED) &
	        RSH_TRACE_AUTO_SAMPLES) != 0;
}

/* A call may be the last instruction of its function. */
static uintptr_t code_at(const struct rshi_cpu_sample *sample, size_t i)
{
	return sample->pcs[i] - (i > 0);
}

static size_t depth_of(const struct rshi_cpu_sample *sample)
{
	return sample->n < RSHI_TRACE_FRAMES ? sample->n : RSHI_TRACE_FRAMES;
}

static void announce(const struct rshi_cpu_sample *sample)
{
	uint32_t place;

	if (samples.functions.named == samples.functions.places.n)
		rshi_functions_look(&samples.functions);
	for (size_t i = 0; i < depth_of(sample); i++)
		(void)rshi_functions_place(&samples.functions, code_at(sample, i), &place);
}

static void keep_name(void *arg, uint32_t place, const char *text, size_t n)
{
	size_t need = ((size_t)place + 1) * sizeof(uint32_t);
	char copy[RSHI_TRACE_TEXT + 1];
	struct rsh_trace_name name = {copy, 0};

	(void)arg;
	if (need > samples.names.used) {
		if (rshi_grow_reserve(&samples.names, need - samples.names.used))
			return;
		rsh_memset_sig(samples.names.p + samples.names.used, 0, need - samples.names.used);
		samples.names.used = need;
	}
	if (n > RSHI_TRACE_TEXT)
		n = RSHI_TRACE_TEXT;
	rsh_memcpy_sig(copy, text, n);
	copy[n] = '\0';
	((uint32_t *)samples.names.p)[place] = rshi_number_of(&rshi_trace_sig, &name);
}

/* The number of its name; 0: nobody knows. */
static uint32_t name_at(uintptr_t pc)
{
	uint32_t place;

	if (rshi_functions_place(&samples.functions, pc, &place) ||
	    place >= samples.names.used / sizeof(place))
		return 0;
	return ((const uint32_t *)samples.names.p)[place];
}

/* The time of a sample as events have it. */
static uint64_t time_of(uint64_t ticks)
{
	uint64_t now_ticks = rshi_ticks_sig(), now = rshi_trace_ticks_sig();

	if (rshi_trace_sig.unit == RSHI_TRACE_TSC)
		return ticks;
	if (now_ticks <= samples.ticks || now <= samples.ns || ticks >= now_ticks)
		return now;
	return now - (uint64_t)((double)(now_ticks - ticks) * (double)(now - samples.ns) /
	                        (double)(now_ticks - samples.ticks));
}

/* A batch in the name of the sample's thread, with room for it. Returns whether there is memory. */
static int open_batch(struct rshi_trace_lane *lane, uint64_t generation,
                      const struct rshi_cpu_sample *sample, uint64_t time, size_t need)
{
	struct rshi_trace_batch *batch;

	if (!rshi_lane_room(&rshi_trace_sig, lane, generation, need))
		return 0;
	samples.tid = (uint32_t)sample->tid;
	samples.thread.last[0] = time - 1;
	__atomic_store_n(&lane->batch, lane->p, __ATOMIC_RELAXED);
	batch = (struct rshi_trace_batch *)lane->batch;
	batch->block.type = RSHI_TRACE_BATCH;
	batch->block.flags = RSHI_TRACE_NOTED;
	batch->block.reserved = 0;
	batch->generation = generation;
	batch->start = time - 1;
	batch->tid = samples.tid;
	rsh_memcpy_sig(batch->thread, sample->thread, sizeof(batch->thread));
	rshi_lane_at(lane, lane->p + sizeof(*batch));
	lane->limit = lane->end - RSHI_TRACE_EVENT_MAX;
	lane->events = 0;
	return 1;
}

static void put(struct rshi_trace_lane *lane, const struct rshi_cpu_sample *sample, uint64_t time)
{
	uint64_t *last = &samples.thread.last[0];
	unsigned char *p = lane->p;

	if (time <= *last)
		time = *last + 1;
	*p++ = RSHI_TRACE_SAMPLE;
	p = rshi_put_number(p, time - *last);
	p = rshi_put_number(p, depth_of(sample));
	for (size_t i = 0; i < depth_of(sample); i++)
		p = rshi_put_number(p, name_at(code_at(sample, i)));
	*last = time;
	rshi_lane_at(lane, p);
	lane->events++;
}

static void take(const struct rshi_cpu_sample *sample)
{
	size_t need = RSHI_TRACE_EVENT_MAX + 5 * depth_of(sample);
	struct rshi_trace_thread *t = &samples.thread;
	uint32_t section = __atomic_load_n(&t->section, __ATOMIC_RELAXED);
	uint64_t generation, time = time_of(sample->ticks);
	struct rshi_trace_lane *lane;

	if (samples.functions.named < samples.functions.places.n)
		rshi_functions_name(&samples.functions, keep_name, NULL);
	/* [TS2] seq_cst, pairs with [TG2]: the section is begun before the generation is looked at. */
	__atomic_exchange_n(&t->section, section + 1, __ATOMIC_SEQ_CST);
	/* [TG3] acquire, pairs with [TG1]: the lanes of this generation are empty. */
	generation = __atomic_load_n(&rshi_trace_sig.generation, __ATOMIC_ACQUIRE);
	lane = &t->lanes[0][generation & 1];
	if (!generation)
		; /* not of this trace any more */
	else if ((lane->batch && samples.tid == (uint32_t)sample->tid && lane->p < lane->limit &&
	          (size_t)(lane->end - lane->p) >= need && time > t->last[0]) ||
	         open_batch(lane, generation, sample, time, need))
		put(lane, sample, time);
	else
		(void)rshi_lose(&rshi_trace_sig, RSHI_TRACE_LOST_BUFFER);
	/* [TS1] release, pairs with [TS3] and [TS4]: the events. */
	__atomic_store_n(&t->section, section + 2, __ATOMIC_RELEASE);
}

static void lose(uint64_t n)
{
	__atomic_fetch_add(&rshi_trace_sig.lost[RSHI_TRACE_LOST_SAMPLE], n, __ATOMIC_RELAXED);
}

static const struct rshi_sample_sink sink = {is_open, announce, take, lose};

void rshi_trace_sample_prepare(void)
{
	struct rshi_trace_thread *t = &samples.thread, *head = rshi_threads_first(&rshi_trace_sig);

	if (samples.is_prepared)
		return;
	samples.is_prepared = 1;
	rshi_functions_init(&samples.functions, LIMIT);
	samples.ticks = rshi_ticks_sig();
	samples.ns = rshi_trace_clock_sig(1);
	__atomic_store_n(&t->owner, (uint64_t)NOBODY, __ATOMIC_RELAXED);
	do
		t->next = head;
	while (!__atomic_compare_exchange_n(&rshi_trace_sig.threads, &head, t, 1,
	                                    /* [TT1] release, pairs with [TT2]: the thread. */
	                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	rshi_samples_to(&sink);
}

void rshi_trace_sample_forked(void)
{
	if (samples.is_prepared)
		__atomic_store_n(&samples.thread.owner, (uint64_t)NOBODY, __ATOMIC_RELAXED);
}
