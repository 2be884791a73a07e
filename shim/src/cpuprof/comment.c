/* SPDX-License-Identifier: BSD-2-Clause */
/* What a profile says about itself. */

#include <errno.h>

#include "comment.h"
#include "core/text.h"
#include "encode/pprof.h"

#define LINE 512

static const char *const lost[RSH_CPUPROF_LOST_CLASSES] = {
        [RSH_CPUPROF_LOST_OVERFLOW] = "overflow", [RSH_CPUPROF_LOST_EXTRA] = "extra",
        [RSH_CPUPROF_LOST_BUSY] = "busy",         [RSH_CPUPROF_LOST_WINDOW] = "window",
        [RSH_CPUPROF_LOST_UNWIND] = "unwind",
};

static void add_clock(struct rshi_text *t, const struct rshi_output *out,
                      const struct rsh_cpuprof_stats *stats)
{
	rshi_text_add(t, "clock: ");
	rshi_text_add(t, rshi_cpuprof_sig.clock->name);
	if (out->reason) {
		rshi_text_add(t, " (");
		rshi_text_add(t, rshi_clock_perf_sig.name);
		rshi_text_add(t, ": ");
		rshi_text_add(t, out->reason == ERANGE ? "not so fast here"
		                                       : rsh_strerror(out->reason));
		rshi_text_add(t, ")");
	}
	rshi_text_add(t, " ");
	rshi_text_number(t, stats->hz);
	rshi_text_add(t, " Hz");
}

static void add_counts(struct rshi_text *t, const struct rsh_cpuprof_stats *stats)
{
	uint64_t all = 0;

	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
		all += stats->lost[why];
	rshi_text_add(t, "accepted ");
	rshi_text_number(t, stats->accepted);
	rshi_text_add(t, " delivered ");
	rshi_text_number(t, stats->delivered);
	rshi_text_add(t, " lost ");
	rshi_text_number(t, all);
	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++) {
		rshi_text_add(t, " ");
		rshi_text_add(t, lost[why]);
		rshi_text_add(t, "=");
		rshi_text_number(t, stats->lost[why]);
	}
	rshi_text_add(t, " truncated ");
	rshi_text_number(t, stats->truncated);
}

static int add_line(const struct rshi_output *out, uint64_t n, const char *what)
{
	char line[LINE];
	struct rshi_text t;

	if (!n)
		return 0;
	rshi_text_begin(&t, line, sizeof(line));
	rshi_text_number(&t, n);
	rshi_text_add(&t, what);
	return rshi_pprof_comment(out->profile, line);
}

int rshi_comment(const struct rshi_output *out, const struct rsh_cpuprof_stats *stats)
{
	char line[LINE];
	struct rshi_text t;
	int err;

	rshi_pprof_uncomment(out->profile);
	rshi_text_begin(&t, line, sizeof(line));
	add_clock(&t, out, stats);
	err = rshi_pprof_comment(out->profile, line);
	if (err)
		return err;
	rshi_text_begin(&t, line, sizeof(line));
	add_counts(&t, stats);
	err = rshi_pprof_comment(out->profile, line);
	if (!err)
		err = add_line(out, stats->fell_back,
		               " threads by timer_create in place of perf_event");
	if (!err)
		err = add_line(out, stats->unsampled, " threads not sampled: no clock or no place");
	if (!err)
		err = add_line(out, stats->blocked, " threads not sampled: they block SIGPROF");
	if (!err && stats->taken)
		err = rshi_pprof_comment(out->profile,
		                         "no samples from the moment on when the program installed "
		                         "a handler of SIGPROF of its own");
	return err;
}
