/* SPDX-License-Identifier: BSD-2-Clause */
/* Who takes CPU samples, and who wants them. */

#include "samples.h"

static const struct rshi_sample_sink *sink_; /* atomic */
static void (*flush_)(void);                 /* atomic */

void rshi_samples_to(const struct rshi_sample_sink *sink)
{
	/* [CS1] release, pairs with [CS2]: what the sink needs. */
	__atomic_store_n(&sink_, sink, __ATOMIC_RELEASE);
}

void rshi_samples_from(void (*flush)(void))
{
	/* [CS3] release, pairs with [CS4]: what the source needs. */
	__atomic_store_n(&flush_, flush, __ATOMIC_RELEASE);
}

const struct rshi_sample_sink *rshi_samples_sink(void)
{
	/* [CS2] acquire, pairs with [CS1]. */
	const struct rshi_sample_sink *sink = __atomic_load_n(&sink_, __ATOMIC_ACQUIRE);

	return sink && sink->is_open() ? sink : NULL;
}

void rshi_samples_flush(void)
{
	/* [CS4] acquire, pairs with [CS3]. */
	void (*flush)(void) = __atomic_load_n(&flush_, __ATOMIC_ACQUIRE);

	if (flush)
		flush();
}
