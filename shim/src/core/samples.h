/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_SAMPLES_H
#define RSH_CORE_SAMPLES_H

/*
 * CPU samples, from whoever takes them to whoever else wants them: the trace. One source, one sink;
 * none knows the other.
 */

#include <stddef.h>
#include <stdint.h>

struct rshi_cpu_sample {
	int tid;
	const char *thread; /* its name, 16 bytes with a NUL; empty if it is not known */
	uint64_t ticks;     /* of the processor's clock (core/ticks.h): when */
	const uintptr_t *pcs;
	size_t n;
};

/* One caller at a time. None of these waits for anybody, or calls what a detector intercepts. */
struct rshi_sample_sink {
	int (*is_open)(void);

	/* All of a bunch, one after the other; then, again, each of them. */
	void (*announce)(const struct rshi_cpu_sample *sample);
	void (*take)(const struct rshi_cpu_sample *sample);

	/* So many have been lost before they came here. */
	void (*lose)(uint64_t n);
};

/* From now on, for good. */
void rshi_samples_to(const struct rshi_sample_sink *sink);
void rshi_samples_from(void (*flush)(void));

/* The sink, if it is there and open; or NULL. */
const struct rshi_sample_sink *rshi_samples_sink(void);

/* Hand over all samples that have been taken up to now. Waits for the source. */
void rshi_samples_flush(void);

#endif /* RSH_CORE_SAMPLES_H */
