/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hook that TSan calls with each report (on_report.h). It runs with the runtime's locks held,
 * so this file must be compiled without instrumentation.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "on_report.h"

int __tsan_get_report_data(void *report, const char **description, int *count, int *stack_count,
                           int *mop_count, int *loc_count, int *mutex_count, int *thread_count,
                           int *unique_tid_count, void **sleep_trace, unsigned long trace_size);
int __tsan_get_report_thread(void *report, unsigned long index, int *tid, unsigned long *os_id,
                             int *running, const char **name, int *parent_tid, void **trace,
                             unsigned long trace_size);
int __tsan_get_report_loc_object_type(void *report, unsigned long index, const char **type);
void __tsan_on_report(void *report);

static const char *wanted_thread, *wanted_type, *found = "nothing";

void insist_on_thread(const char *name)
{
	wanted_thread = name;
}

void insist_on_type(const char *name)
{
	wanted_type = name;
}

const char *found_in_report(void)
{
	return found;
}

static bool has_thread(void *report, int count)
{
	for (int i = 0; i < count; i++) {
		const char *name = NULL;
		unsigned long os_id;
		int tid, running, parent;
		void *trace[1];

		__tsan_get_report_thread(report, (unsigned long)i, &tid, &os_id, &running, &name,
		                         &parent, trace, 1);
		if (name && strcmp(name, wanted_thread) == 0) {
			found = wanted_thread;
			return true;
		}
	}
	return false;
}

static bool has_type(void *report, int count)
{
	for (int i = 0; i < count; i++) {
		const char *type = NULL;

		__tsan_get_report_loc_object_type(report, (unsigned long)i, &type);
		if (type && strcmp(type, wanted_type) == 0) {
			found = wanted_type;
			return true;
		}
	}
	return false;
}

void __tsan_on_report(void *report)
{
	int count, stacks, mops, locations, mutexes, threads, tids;
	const char *description;
	void *trace[1];

	__tsan_get_report_data(report, &description, &count, &stacks, &mops, &locations, &mutexes,
	                       &threads, &tids, trace, 1);
	if (wanted_thread && !has_thread(report, threads))
		abort();
	if (wanted_type && !has_type(report, locations))
		abort();
}
