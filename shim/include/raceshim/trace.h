/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_TRACE_H
#define RACESHIM_TRACE_H

/*
 * An execution trace: what threads say that they do, each event with its time and its thread, in an
 * order that ThreadSanitizer knows nothing of, so that no race is hidden by tracing.
 *
 *	RSH_TRACE_REGION("load");
 *	RSH_TRACE_COUNTER("queue", n);
 *	RSH_TRACE_REGION_END("load");
 *
 * Without a trace an event costs a load and a branch. With one it goes into a buffer of its thread,
 * without a lock, without malloc, and without a call that a detector sees. Events may be emitted from
 * any thread, at any time from the first constructor to the last thread-local destructor, and with
 * the macros and functions that end in _SIG or _sig also from signal handlers, whatever they have
 * interrupted; a handler that emits has to return to it.
 *
 * Somebody reads: rsh_trace_start(), then rsh_trace_read() until it says that the trace is over,
 * which it is after rsh_trace_stop(). What is read, put into a file, is the trace; its bytes are
 * documented (docs/formats.md). If nobody reads, nobody waits: what does not fit is lost, and counted.
 *
 * Which calls may overlap, that is, run in two threads at the same time: all of them, also with
 * threads that begin and end, with fork and with signals; but a second rsh_trace_read() gets EBUSY.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/raceshim.h>
#include <raceshim/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kinds of events that programs emit, with the macros below. */
#define RSH_TRACE_KIND_INSTANT    1
#define RSH_TRACE_KIND_INSTANT_1  2
#define RSH_TRACE_KIND_INSTANT_2  3
#define RSH_TRACE_KIND_REGION     4
#define RSH_TRACE_KIND_REGION_END 5
#define RSH_TRACE_KIND_COUNTER    6
#define RSH_TRACE_KIND_TASK       7
#define RSH_TRACE_KIND_TASK_END   8
#define RSH_TRACE_KIND_FLOW       9
#define RSH_TRACE_KIND_FLOW_END   10

/**
 * struct rsh_trace_name - a name of events, made once for each place that emits some
 *
 * @text:   the name, of which 1024 bytes are kept
 * @number: the library's; 0 at the beginning
 *
 * Return: nothing to return.
 * Threads: static memory; all may use it.      Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: the library reads and writes it unseen.
 */
struct rsh_trace_name {
	const char *text;
	uint32_t number;
};

/* Not 0 while events are recorded. The library's; read it with rsh_trace_is_on(). */
RSH_API extern uint32_t rsh_trace_on;

static inline int rsh_trace_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&rsh_trace_on, __ATOMIC_RELAXED), 0) != 0;
}

/**
 * rsh_trace_emit - record an event; what the macros below do
 *
 * @name: of the event; static
 * @kind: RSH_TRACE_KIND_*
 * @a:    its value, task or flow
 * @b:    its second value or parent task
 *
 * Return: 0; ESRCH (no trace runs); EINVAL (no such kind); ENOBUFS (lost, and counted as such).
 * Threads: any.                                Signals: rsh_trace_emit_sig() is async-signal-safe.
 * Fork: the child's are not recorded.          Blocks: no; the first event of a thread asks the
 *	kernel for memory, and so do others now and then.
 * Loss: if all buffers are full; or if a handler has interrupted a handler that was emitting.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_trace_emit(struct rsh_trace_name *name, uint32_t kind, uint64_t a, uint64_t b);

/**
 * rsh_trace_emit_sig - record an event, in a signal handler too
 *
 * @name: as for rsh_trace_emit()
 * @kind: likewise
 * @a:    likewise
 * @b:    likewise
 *
 * Return: as rsh_trace_emit().
 * Threads: any.                                Signals: async-signal-safe.
 * Fork: the child's are not recorded.          Blocks: no.
 * Loss: as rsh_trace_emit().
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_trace_emit_sig(struct rsh_trace_name *name, uint32_t kind, uint64_t a, uint64_t b);

/**
 * rsh_trace_log - record a text
 *
 * @category: static
 * @text:     its first 1024 bytes are recorded
 *
 * Return: as rsh_trace_emit(); EINVAL (@text is NULL).
 * Threads: any.                                Signals: rsh_trace_log_sig() is async-signal-safe.
 * Fork: the child's are not recorded.          Blocks: no, as rsh_trace_emit().
 * Loss: as rsh_trace_emit().
 * Detectors: what is recorded of @text is read, in rsh_trace_log called from the caller. No
 *	happens-before edge.
 */
RSH_API int rsh_trace_log(struct rsh_trace_name *category, const char *text);

/**
 * rsh_trace_log_sig - record a text, in a signal handler too
 *
 * @category: static
 * @text:     its first 1024 bytes are recorded
 *
 * Return: as rsh_trace_log().
 * Threads: any.                                Signals: async-signal-safe.
 * Fork: the child's are not recorded.          Blocks: no.
 * Loss: as rsh_trace_emit().
 * Detectors: nothing is annotated, no happens-before edge: a race on @text is not seen here.
 */
RSH_API int rsh_trace_log_sig(struct rsh_trace_name *category, const char *text);

/**
 * rsh_trace_id - a number for a task or a flow that no other one of this process has
 *
 * Return: from 1 on.
 * Threads: any.                                Signals: async-signal-safe.
 * Fork: the child may get numbers that the parent gets too. Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API uint64_t rsh_trace_id(void);

/* A static name. */
#define RSH_TRACE_NAME(text)                                                                       \
	(__extension__({                                                                           \
		static struct rsh_trace_name rsh_trace_name_ = {text, 0};                          \
		&rsh_trace_name_;                                                                  \
	}))

static inline void rsh_trace_if_on(struct rsh_trace_name *name, uint32_t kind, uint64_t a,
                                   uint64_t b)
{
	if (rsh_trace_is_on())
		(void)rsh_trace_emit(name, kind, a, b);
}

static inline void rsh_trace_if_on_sig(struct rsh_trace_name *name, uint32_t kind, uint64_t a,
                                       uint64_t b)
{
	if (rsh_trace_is_on())
		(void)rsh_trace_emit_sig(name, kind, a, b);
}

static inline uint64_t rsh_trace_task_if_on(struct rsh_trace_name *name, uint64_t parent)
{
	uint64_t task = rsh_trace_is_on() ? rsh_trace_id() : 0;

	if (task)
		(void)rsh_trace_emit(name, RSH_TRACE_KIND_TASK, task, parent);
	return task;
}

static inline void rsh_trace_log_if_on(struct rsh_trace_name *category, const char *text)
{
	if (rsh_trace_is_on())
		(void)rsh_trace_log(category, text);
}

static inline void rsh_trace_log_if_on_sig(struct rsh_trace_name *category, const char *text)
{
	if (rsh_trace_is_on())
		(void)rsh_trace_log_sig(category, text);
}

#define RSH_TRACE_(kind, text, a, b)                                                               \
	rsh_trace_if_on(RSH_TRACE_NAME(text), RSH_TRACE_KIND_##kind, (uint64_t)(a), (uint64_t)(b))
#define RSH_TRACE_SIG_(kind, text, a, b)                                                           \
	rsh_trace_if_on_sig(RSH_TRACE_NAME(text), RSH_TRACE_KIND_##kind, (uint64_t)(a),            \
	                    (uint64_t)(b))

/* Something happens; with one or two signed numbers. A text is a string literal, here and below. */
#define RSH_TRACE_INSTANT(text)         RSH_TRACE_(INSTANT, text, 0, 0)
#define RSH_TRACE_INSTANT_1(text, a)    RSH_TRACE_(INSTANT_1, text, a, 0)
#define RSH_TRACE_INSTANT_2(text, a, b) RSH_TRACE_(INSTANT_2, text, a, b)

/* What this thread does from here to the end, which names it again. Regions nest. */
#define RSH_TRACE_REGION(text)     RSH_TRACE_(REGION, text, 0, 0)
#define RSH_TRACE_REGION_END(text) RSH_TRACE_(REGION_END, text, 0, 0)

/* A signed number that changes. */
#define RSH_TRACE_COUNTER(text, value) RSH_TRACE_(COUNTER, text, value, 0)

/*
 * Something that any thread may end; @parent is a task or 0. The value is the task, or 0 without a
 * trace. Its end may be in a later trace than its beginning; the end of task 0 is nothing.
 */
#define RSH_TRACE_TASK(text, parent) rsh_trace_task_if_on(RSH_TRACE_NAME(text), parent)
#define RSH_TRACE_TASK_END(text, task)                                                             \
	do {                                                                                       \
		uint64_t rsh_trace_task_ = (task);                                                 \
		if (rsh_trace_task_)                                                               \
			RSH_TRACE_(TASK_END, text, rsh_trace_task_, 0);                            \
	} while (0)

/* An arrow from here to another event, in any thread: any number, the same at both ends. */
#define RSH_TRACE_FLOW(text, flow)     RSH_TRACE_(FLOW, text, flow, 0)
#define RSH_TRACE_FLOW_END(text, flow) RSH_TRACE_(FLOW_END, text, flow, 0)

/* A text that need not be static. */
#define RSH_TRACE_LOG(category, text) rsh_trace_log_if_on(RSH_TRACE_NAME(category), text)

/* The same for signal handlers. */
#define RSH_TRACE_INSTANT_SIG(text)         RSH_TRACE_SIG_(INSTANT, text, 0, 0)
#define RSH_TRACE_INSTANT_1_SIG(text, a)    RSH_TRACE_SIG_(INSTANT_1, text, a, 0)
#define RSH_TRACE_INSTANT_2_SIG(text, a, b) RSH_TRACE_SIG_(INSTANT_2, text, a, b)
#define RSH_TRACE_REGION_SIG(text)          RSH_TRACE_SIG_(REGION, text, 0, 0)
#define RSH_TRACE_REGION_END_SIG(text)      RSH_TRACE_SIG_(REGION_END, text, 0, 0)
#define RSH_TRACE_COUNTER_SIG(text, value)  RSH_TRACE_SIG_(COUNTER, text, value, 0)
#define RSH_TRACE_FLOW_SIG(text, flow)      RSH_TRACE_SIG_(FLOW, text, flow, 0)
#define RSH_TRACE_FLOW_END_SIG(text, flow)  RSH_TRACE_SIG_(FLOW_END, text, flow, 0)
#define RSH_TRACE_LOG_SIG(category, text)   rsh_trace_log_if_on_sig(RSH_TRACE_NAME(category), text)

/* Which clock the times of events come from. */
#define RSH_TRACE_CLOCK_AUTO      0 /* the processor's, if it is fit for that; or else */
#define RSH_TRACE_CLOCK_MONOTONIC 1 /* CLOCK_MONOTONIC */

/*
 * Automatic events: what the library notes by itself while somebody records who has asked for it.
 *
 * - threads: where one is made by pthread_create() (an arrow goes from there to where it begins),
 *   begins, and ends;
 * - waits: for mutexes, reader-writer locks, condition variables, semaphores, barriers and threads to
 *   join, if it has to be waited. The program's calls have to come to the library, for which
 *   <raceshim/lockprof.h> has the ways; otherwise there are none;
 * - calls: of sources, see rsh_trace_source_add();
 * - samples: those of a CPU profile that runs at the same time (<raceshim/cpuprof.h>), as stacks of
 *   functions on the thread's track. They come a little later, and those that have not come when the
 *   trace is stopped are not of it. Those of a raw profile come when the program reads them.
 *
 * No happens-before edge comes of any of them.
 */
#define RSH_TRACE_AUTO_THREADS 1u
#define RSH_TRACE_AUTO_WAITS   2u
#define RSH_TRACE_AUTO_CALLS   4u
#define RSH_TRACE_AUTO_SAMPLES 8u
#define RSH_TRACE_AUTO_ALL     15u

/**
 * struct rsh_trace_options - how to trace; all zero is the default
 *
 * @buffer_bytes: memory for events that have not been read, at least a MiB; 0: 64 MiB. What is not
 *                used takes no memory
 * @period_ms:    how long a generation is, about; 0: 1000
 * @clock:        RSH_TRACE_CLOCK_*
 * @automatic:    RSH_TRACE_AUTO_*; what is not to be had in this program is left out
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_trace_options {
	size_t buffer_bytes;
	uint32_t period_ms;
	uint32_t clock;
	uint32_t automatic;
};

/**
 * rsh_trace_start - begin a trace of the process
 *
 * @options: or NULL for the default
 *
 * Return: 0; EINVAL (no such clock, no such events, or not enough bytes); EBUSY (a trace runs, or the one before has
 *	not been read to its end); ENOMEM. Nothing changes on failure.
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child starts stopped.              Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: *@options is read, in rsh_trace_start called from the caller. No happens-before edge.
 */
RSH_API int rsh_trace_start(const struct rsh_trace_options *options);

/**
 * rsh_trace_stop - end the trace
 *
 * No event is recorded any more when this returns; all that were wait to be read.
 *
 * Return: 0; ESRCH (no trace runs).
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child has nothing to stop.         Blocks: until nobody is in the middle of an event.
 * Loss: none.
 * Detectors: nothing is annotated; what happened before this happens before the return of the
 *	rsh_trace_read() that says that the trace is over.
 */
RSH_API int rsh_trace_stop(void);

/**
 * rsh_trace_advance - end the present generation and begin the next one
 *
 * What was emitted before can be read when this returns. Done by the reader, too, once a period.
 *
 * Return: 0; ESRCH (no trace runs); EAGAIN (so much has not been read that the generation goes on).
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child has no trace.                Blocks: until nobody is in the middle of an event
 *	of the generation that ends.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_trace_advance(void);

/**
 * rsh_trace_read - take the next bytes of the trace
 *
 * All that is returned, one after the other, is the trace. The bytes are the library's, and are
 * there until the next call. At the end of the trace *@data is NULL and *@n is 0, again and again.
 *
 * @data: where the bytes are
 * @n:    how many
 *
 * Return: 0; EINVAL (@data or @n is NULL); ESRCH (nothing was traced); EBUSY (another thread is
 *	reading).
 * Threads: any, one at a time.                 Signals: not async-signal-safe.
 * Fork: the child has no trace.                Blocks: until there is something, or the trace is
 *	over.
 * Loss: losses are in the trace.
 * Detectors: *@data and *@n are written, in rsh_trace_read called from the caller. The bytes count
 *	as initialised. No happens-before edge from those who emit: whoever goes by what a trace
 *	says has to synchronise by other means. For the end see rsh_trace_stop().
 */
RSH_API int rsh_trace_read(const void **data, size_t *n);

/* Why events are lost, as an index into `lost` of the stats. */
#define RSH_TRACE_LOST_BUFFER  0 /* all buffers were full */
#define RSH_TRACE_LOST_NESTED  1 /* a handler has interrupted a handler that was emitting */
#define RSH_TRACE_LOST_THREAD  2 /* there was no memory for what a thread needs */
#define RSH_TRACE_LOST_SAMPLE  3 /* the CPU profiler could not keep a sample */
#define RSH_TRACE_LOST_CLASSES 4

/**
 * struct rsh_trace_stats - what became of the events
 *
 * @generation: the present one; 0: no trace runs
 * @events:     since the process began, in all generations that have ended
 * @lost:       since then, by RSH_TRACE_LOST_*
 * @buffers:    in use, of 64 KiB each
 * @threads:    for which there is memory: as many as have emitted at the same time
 * @clock:      not 0: times are CLOCK_MONOTONIC
 * @automatic:  RSH_TRACE_AUTO_* that are on
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_trace_stats {
	uint64_t generation;
	uint64_t events;
	uint64_t lost[RSH_TRACE_LOST_CLASSES];
	uint32_t buffers;
	uint32_t threads;
	uint32_t clock;
	uint32_t automatic;
};

/**
 * rsh_trace_stats - fill in a struct rsh_trace_stats
 *
 * @stats: is written unless an error is returned
 *
 * Return: 0; EINVAL (@stats is NULL).
 * Threads: any; the caller synchronises @stats. Signals: not async-signal-safe.
 * Fork: the child's begin anew.                Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: *@stats is written, in rsh_trace_stats called from the caller. No happens-before edge.
 */
RSH_API int rsh_trace_stats(struct rsh_trace_stats *stats);

/**
 * struct rsh_flight_options - what the flight recorder keeps; all zero is the default
 *
 * @min_age_ms: of what can be written: as much of the past, if there is room; 0: 10000
 * @automatic:  RSH_TRACE_AUTO_*, as for a trace
 * @max_bytes:  of generations that are over, but for the last one, which is always kept; 0: 10 MiB
 *
 * Return: nothing to return.
 * Threads: the caller's own memory.            Signals: a plain struct.
 * Fork: copied.                                Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated by itself.
 */
struct rsh_flight_options {
	uint32_t min_age_ms;
	uint32_t automatic;
	size_t max_bytes;
};

/**
 * rsh_flight_start - keep the last events, until somebody wants to see them
 *
 * Runs beside a trace, which may begin and end meanwhile, or by itself; a trace that begins while it
 * runs has its clock and buffers. A thread of the library's, which no detector sees, takes full
 * buffers away and ends generations.
 *
 * @options: or NULL for the default
 *
 * Return: 0; EINVAL (no such number of bytes, or no such events); EBUSY (it runs); ENOMEM; EAGAIN (no thread, or a trace
 *	that has not been read for long). Nothing changes on failure.
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child starts stopped.              Blocks: for other threads in these functions.
 * Loss: what is too old or too much is forgotten, by whole generations.
 * Detectors: *@options is read, in rsh_flight_start called from the caller. No happens-before edge.
 */
RSH_API int rsh_flight_start(const struct rsh_flight_options *options);

/**
 * rsh_flight_write - write what is kept
 *
 * Ends the present generation, so that what was emitted before is in it; and writes a whole trace. It
 * stays kept.
 *
 * @w:       receives the bytes; no lock is held meanwhile
 * @written: how many bytes the writer has taken; or NULL
 *
 * Return: 0; RSH_ENOWRITER; ESRCH (it does not run); EINPROGRESS (somebody else writes); ENOMEM;
 *	EAGAIN (a trace beside has not been read for so long that nothing is whole); or what the
 *	writer returned if that is not 0.
 * Threads: any.                                Signals: not async-signal-safe.
 * Fork: the child has nothing to write.        Blocks: as rsh_trace_advance(), and the writer.
 * Loss: losses are in the trace. While a trace beside is not read, and generations cannot end, the
 *	last events may be missing.
 * Detectors: @w is read and *@written is written, in rsh_flight_write called from the caller. No
 *	happens-before edge.
 */
RSH_API int rsh_flight_write(const struct rsh_writer *w, size_t *written);

/**
 * rsh_flight_stop - forget what is kept, and keep nothing any more
 *
 * Return: 0; ESRCH (it does not run).
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child has nothing to stop.         Blocks: as rsh_trace_stop(), and until the thread is
 *	gone.
 * Loss: what is kept.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_flight_stop(void);

/**
 * struct rsh_trace_source - who knows of calls that may wait: a plugin
 *
 * @is_on: whether they are asked for; the library's, read it with rsh_trace_source_is_on()
 * @next:  the library's
 *
 * Return: nothing to return.
 * Threads: static memory; all may use it.      Signals: a plain struct.
 * Fork: copied; in the child @is_on is 0.      Blocks: no.
 * Loss: none.
 * Detectors: the library reads and writes it unseen.
 */
struct rsh_trace_source {
	uint32_t is_on;
	struct rsh_trace_source *next;
};

/**
 * rsh_trace_source_add - tell a source from now on whether its calls are asked for
 *
 * Whoever stands in front of functions that may wait, input and output above all, adds itself once,
 * and while it is on puts rsh_trace_call_sig() before a call and rsh_trace_call_end_sig() behind it.
 * docs/trace.md has such a source for those of libc, to preload.
 *
 * @source: zeros; stays there until it is removed
 *
 * Return: 0; EINVAL (@source is NULL); EBUSY (it has been added).
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: the child's are off.                   Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_trace_source_add(struct rsh_trace_source *source);

/**
 * rsh_trace_source_remove - forget a source, before its memory is gone
 *
 * @source: is off when this returns
 *
 * Return: 0; ESRCH (it has not been added).
 * Threads: any; calls are serialised.          Signals: not async-signal-safe.
 * Fork: in the child likewise.                 Blocks: for other threads in these functions.
 * Loss: none.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API int rsh_trace_source_remove(struct rsh_trace_source *source);

static inline int rsh_trace_source_is_on(const struct rsh_trace_source *source)
{
	return __builtin_expect(__atomic_load_n(&source->is_on, __ATOMIC_RELAXED), 0) != 0;
}

/**
 * rsh_trace_call_sig - this thread begins a call that may wait
 *
 * @name: of the function; static
 * @of:   what it waits for: a descriptor, an address; or 0
 *
 * Return: what to hand to rsh_trace_call_end_sig(); 0: nothing was recorded.
 * Threads: any, also while a detector does not know them. Signals: async-signal-safe.
 * Fork: the child's are not recorded.          Blocks: no, as rsh_trace_emit().
 * Loss: as rsh_trace_emit(); then its end is not recorded either.
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API uint64_t rsh_trace_call_sig(struct rsh_trace_name *name, uint64_t of);

/**
 * rsh_trace_call_end_sig - it has come back
 *
 * A call that is left otherwise, by longjmp or by the thread's end, ends with what it is in.
 *
 * @call: what rsh_trace_call_sig() has returned
 *
 * Return: nothing.
 * Threads: the one that has begun it.          Signals: async-signal-safe.
 * Fork: the child's are not recorded.          Blocks: no.
 * Loss: as rsh_trace_emit().
 * Detectors: nothing is annotated, no happens-before edge.
 */
RSH_API void rsh_trace_call_end_sig(uint64_t call);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_TRACE_H */
