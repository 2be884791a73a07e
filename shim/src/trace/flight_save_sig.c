/* SPDX-License-Identifier: BSD-2-Clause */
/* What made the process write a file, and which. */

#include <linux/errno.h>
#include <linux/signal.h>

#include <raceshim/trace.h>

#include "core/deadly.h"
#include "core/lock.h"
#include "core/text.h"
#include "flight.h"
#include "flight_save.h"

#define NS_PER_S  1000000000u
#define SLICE     (NS_PER_S / 100)
#define SLICES    200 /* two seconds, for a file that somebody else writes */
#define TEMPORARY ".tmp"
#define NAME_ROOM (RSHI_PATH_MAX + 64)

struct rshi_flight_files rshi_flight_files_sig;

/* The writer's. */
static char name[NAME_ROOM], temporary[NAME_ROOM], line[2 * NAME_ROOM];

/* The last events before "report 1" or "signal 11", as the trace has it, too. */
static void put_reason(char *to, size_t size, const char *what, uint64_t number)
{
	struct rshi_text t;

	rshi_text_begin(&t, to, size);
	rshi_text_add(&t, what);
	rshi_text_byte(&t, ' ');
	rshi_text_number(&t, number);
}

static void put_name(char *to, uint32_t number, const char *more)
{
	struct rshi_text t;

	rshi_text_begin(&t, to, NAME_ROOM);
	rshi_text_add(&t, rshi_flight_files_sig.path);
	if (number > 1) {
		rshi_text_byte(&t, '.');
		rshi_text_number(&t, number);
	}
	rshi_text_add(&t, more);
}

static void say(const char *what, const char *reason, const char *where, int err)
{
	struct rshi_text t;

	if (rshi_flight_files_sig.is_quiet && !err)
		return;
	rshi_text_begin(&t, line, sizeof(line));
	rshi_text_add(&t, "raceshim: ");
	rshi_text_add(&t, what);
	rshi_text_add(&t, reason);
	rshi_text_add(&t, where);
	rshi_text_add(&t, name);
	if (err) {
		rshi_text_add(&t, ": error ");
		rshi_text_number(&t, (uint64_t)(err < 0 ? -err : err));
	}
	rshi_text_byte(&t, '\n');
	rshi_write_sig(2, line, (size_t)(t.at - line));
}

/* Under a name that nothing has: the process before an exec may have left files. */
static int give_name(uint32_t *number)
{
	int err = EEXIST;

	for (uint32_t i = 0; i < RSHI_FLIGHT_FILES && err == EEXIST; i++) {
		put_name(name, ++*number, "");
		err = rshi_rename_sig(RSHI_CWD, temporary, name, 1);
	}
	return err;
}

static int write_file(void)
{
	struct rshi_flight_files *f = &rshi_flight_files_sig;
	uint32_t number = f->files;
	int fd, err, err_of_close;

	put_name(name, number + 1, "");
	put_name(temporary, number + 1, TEMPORARY);
	rshi_unlink_sig(RSHI_CWD, temporary);
	err = rshi_create_sig(RSHI_CWD, temporary, &fd);
	if (err)
		return err;
	err = rshi_flight_dump_sig(fd);
	/* Some file systems tell at the close that there was no room. */
	err_of_close = rshi_close_sig(fd);
	if (!err && err_of_close != EINTR)
		err = err_of_close;
	/* Without memory there is what was complete. */
	if (!err || err == ENOMEM) {
		int err_of_name = give_name(&number);

		err = err_of_name ? err_of_name : err;
	}
	rshi_unlink_sig(RSHI_CWD, temporary);
	f->files = number;
	return err;
}

static int is_on(void)
{
	/* After vfork the memory is the parent's, and so are the events. */
	return __atomic_load_n(&rshi_flight_files_sig.pid, __ATOMIC_RELAXED) == rshi_getpid_sig();
}

/* Become the one who writes. 0 in the middle of the same, or if somebody takes too long. */
static int enter(void)
{
	int *busy = &rshi_flight_files_sig.busy, me = rshi_gettid_sig(), nobody = 0;

	for (int i = 0; i < SLICES; i++) {
		/* [FS1] acquire, pairs with [FS2]: the names. */
		if (__atomic_compare_exchange_n(busy, &nobody, me, 0, __ATOMIC_ACQUIRE,
		                                __ATOMIC_RELAXED))
			return 1;
		if (nobody == me)
			return 0;
		rshi_futex_wait_sig((const uint32_t *)busy, (uint32_t)nobody, SLICE);
		nobody = 0;
	}
	return 0;
}

static void leave(void)
{
	int *busy = &rshi_flight_files_sig.busy;

	/* [FS2] release, pairs with [FS1]: the names. */
	__atomic_store_n(busy, 0, __ATOMIC_RELEASE);
	rshi_futex_wake_sig((const uint32_t *)busy, 1, NULL);
}

static void save(const char *what, uint64_t number)
{
	static struct rsh_trace_name category = {"raceshim", 0};
	char reason[64];
	uint64_t mask = 0;
	int err;

	put_reason(reason, sizeof(reason), what, number);
	(void)rsh_trace_log_sig(&category, reason);
	/* A signal that kills waits until the file is there. */
	rshi_sigblock_sig(RSHI_ASYNCHRONOUS, &mask);
	if (enter()) {
		if (rshi_flight_files_sig.files < RSHI_FLIGHT_FILES) {
			err = write_file();
			say(err ? "error: cannot write the last events before "
			        : "the last events before ",
			    reason, err ? " to " : " are in ", err);
		}
		leave();
	}
	rshi_sigmask_sig(mask);
}

static void on_signal(int signo, int dies)
{
	/* Those that a handler takes care of, and that are no fault, kill nobody. */
	static const uint32_t faults = 1u << SIGILL | 1u << SIGTRAP | 1u << SIGABRT | 1u << SIGBUS |
	                               1u << SIGFPE | 1u << SIGSEGV | 1u << SIGSYS;

	if (is_on() && (dies || faults >> signo & 1))
		save("signal", (uint64_t)signo);
}

/*
 * ThreadSanitizer asks this function before it makes a report, of which it has decided that it is
 * @suppressed. It has locks of its own meanwhile; the other threads run on until they need these.
 *
 * __tsan_on_report, which is for users, would be the name to take, if it could be had: the runtime's
 * own is weak and comes first in the program, so only a definition that is not weak counts, and then
 * there must be no other one, of the user's. This one is for those who build the runtime into
 * something larger; it has been there, in clang's and gcc's, since before version 2 of it.
 */
__attribute__((visibility("default"))) _Bool rshi_tsan_on_report_sig(
        const void *report, _Bool suppressed) __asm__("_ZN6__tsan8OnReportEPKNS_10ReportDescEb");

_Bool rshi_tsan_on_report_sig(const void *report, _Bool suppressed)
{
	(void)report;
	if (!suppressed && is_on())
		save("report",
		     __atomic_add_fetch(&rshi_flight_files_sig.reports, 1, __ATOMIC_RELAXED));
	return suppressed;
}

void rshi_flight_files_begin_sig(void)
{
	struct rshi_flight_files *f = &rshi_flight_files_sig;

	f->files = 0;
	__atomic_store_n(&f->reports, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&f->busy, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&f->pid, rshi_getpid_sig(), __ATOMIC_RELAXED);
	rshi_deadly_hear_sig(on_signal);
}
