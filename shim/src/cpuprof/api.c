/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of <raceshim/cpuprof.h>: what belongs to the caller is announced and copied. */

#include <errno.h>

#include <raceshim/cpuprof.h>
#include <raceshim/sigsafe.h>

#include "core/detector.h"
#include "core/handed.h"
#include "output.h"
#include "session_control.h"

__attribute__((noinline)) int rsh_cpuprof_start(const struct rsh_cpuprof_options *options)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cpuprof_start);
	struct rsh_cpuprof_options o = {0};

	if (options) {
		rshi_frame_push(&caller);
		rshi_will_read(&caller, options, sizeof(*options));
		rshi_frame_pop();
		o.hz = options->hz;
		o.clock = options->clock;
		o.raw = options->raw;
	}
	return rshi_session_start(&o);
}

int rsh_cpuprof_stop(void)
{
	return rshi_session_stop();
}

__attribute__((noinline)) int rsh_cpuprof_write(const struct rsh_writer *w)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cpuprof_write);

	return rshi_write_handed(&caller, w, rshi_output_write);
}

__attribute__((noinline)) int rsh_cpuprof_write_file(const char *path)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cpuprof_write_file);

	return rshi_write_file_handed(&caller, path, rshi_output_write);
}

__attribute__((noinline)) int rsh_cpuprof_stats(struct rsh_cpuprof_stats *stats)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cpuprof_stats);
	struct rsh_cpuprof_stats now;
	int err = ESRCH;

	if (!stats)
		return EINVAL;
	rshi_lock(&rshi_output.lock);
	if (rshi_output.pool) {
		rshi_output_stats(&now);
		now.running = (uint32_t)rshi_session_runs();
		err = 0;
	}
	rshi_unlock(&rshi_output.lock);
	if (err)
		return err;
	rshi_frame_push(&caller);
	rshi_will_write(&caller, stats, sizeof(*stats));
	rshi_frame_pop();
	rsh_memcpy_sig(stats, &now, sizeof(now));
	return 0;
}
