/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_TRACE_FORMAT_H
#define RSH_CORE_TRACE_FORMAT_H

/*
 * What a trace is made of, byte by byte; docs/formats.md tells it to people without this header.
 *
 * A trace is a sequence of generations. Each stands alone and is a sequence of blocks: one header,
 * any number of batches, names and losses, one end. A block begins with its type and its length, so
 * what a reader does not know it can pass over. All integers are little-endian; blocks are aligned
 * to nothing. A generation without its end is cut off, not broken.
 *
 *	var     unsigned LEB128, at most 10 bytes
 *	zigzag  a signed number n as the var of (n << 1) ^ (n >> 63)
 *	text    var length, then that many bytes, without a NUL
 */

#include <stdint.h>

#define RSHI_TRACE_MAGIC   "RSHTRCG\n" /* 8 bytes */
#define RSHI_TRACE_VERSION 1
#define RSHI_TRACE_END     0x21444e45u /* the bytes END! */

enum rshi_trace_block_type {
	RSHI_TRACE_HEADER = 'G',
	RSHI_TRACE_BATCH = 'B',
	RSHI_TRACE_NAMES = 'N',
	RSHI_TRACE_LOSSES = 'L',
	RSHI_TRACE_TAIL = 'E',
};

/* In front of every block. */
struct rshi_trace_block {
	uint8_t type;
	uint8_t flags;
	uint16_t reserved; /* 0 */
	uint32_t length;   /* of the block, this included */
};

/* One moment on three clocks. */
struct rshi_trace_clock {
	uint64_t ticks;     /* what the times of events are in */
	uint64_t monotonic; /* nanoseconds of CLOCK_MONOTONIC */
	uint64_t realtime;  /* nanoseconds since 1970 */
};

/* The first block of a generation. Flags: 0. */
struct rshi_trace_header {
	struct rshi_trace_block block;
	char magic[8];
	uint32_t version;
	uint32_t unit;       /* of ticks: RSHI_TRACE_NS or RSHI_TRACE_TSC */
	uint64_t generation; /* from 1 on; a trace may begin with any, and none is left out */
	uint64_t pid;
	char process[16];              /* its name, with zeros behind */
	struct rshi_trace_clock begin; /* between this moment and that of the end ticks are even */
};

#define RSHI_TRACE_NS  0 /* nanoseconds of CLOCK_MONOTONIC */
#define RSHI_TRACE_TSC 1 /* the processor's own, of constant and unknown frequency */

/*
 * What one thread has emitted in a row. Flags: RSHI_TRACE_NESTED in events of a signal handler that
 * has interrupted the thread while it was emitting: such a batch goes on beside the thread's others,
 * and its times are between theirs. Otherwise the batches of a thread are one after the other, also
 * in time, in the order of their start; a new thread may have the id of one that has ended.
 */
struct rshi_trace_batch {
	struct rshi_trace_block block;
	uint64_t generation;
	uint64_t start;  /* ticks: the time before the first event */
	uint32_t tid;    /* thread id */
	uint32_t events; /* how many follow, right behind this */
	char thread[16]; /* the thread's name when the batch was begun, with zeros behind */
} __attribute__((packed));

#define RSHI_TRACE_NESTED 1u

/*
 * Flag of batches of what somebody else has noted of the thread, and later: its CPU samples. They go
 * on beside the thread's others too, and may have begun before the generation.
 */
#define RSHI_TRACE_NOTED 2u

/*
 * An event is a byte, its kind; var, the ticks since the event before or the batch's start, which
 * are never 0; and what follows here. A name is the var of a number in the names block; 0 is "?", a
 * name that there was no room for.
 */
enum rshi_trace_kind {
	RSHI_TRACE_INSTANT = 1,    /* name */
	RSHI_TRACE_INSTANT_1 = 2,  /* name, zigzag value */
	RSHI_TRACE_INSTANT_2 = 3,  /* name, zigzag value, zigzag value */
	RSHI_TRACE_REGION = 4,     /* name: of this thread, from here to its end; they nest */
	RSHI_TRACE_REGION_END = 5, /* name: the same; may be of another generation */
	RSHI_TRACE_COUNTER = 6,    /* name, zigzag value: from here on */
	RSHI_TRACE_TASK = 7,       /* name, var task, var parent task or 0: may end in any thread */
	RSHI_TRACE_TASK_END = 8,   /* name: the same; var task */
	RSHI_TRACE_FLOW = 9,       /* name, var flow: an arrow leaves here */
	RSHI_TRACE_FLOW_END = 10,  /* name, var flow: and arrives here, in any thread */
	RSHI_TRACE_LOG = 11,       /* name: a category, text: at most RSHI_TRACE_TEXT bytes */
	RSHI_TRACE_THREAD = 12,    /* var thread id of the maker or 0: the thread begins */
	RSHI_TRACE_THREAD_END = 13, /* the thread ends */
	RSHI_TRACE_WAIT = 14,     /* var what: the thread begins to wait; var address of what for */
	RSHI_TRACE_WAIT_END = 15, /* var what, var address: and has it */
	/* var frames, at most RSHI_TRACE_FRAMES; that many names, of functions, from the innermost: */
	RSHI_TRACE_SAMPLE = 16,   /* the thread ran there */
	RSHI_TRACE_CALL = 17,     /* name, var of what: the thread begins a call that may wait */
	RSHI_TRACE_CALL_END = 18, /* name: and comes back */
	RSHI_TRACE_KINDS = 19,
};

/* What threads wait for. */
enum rshi_trace_wait {
	RSHI_TRACE_WAIT_MUTEX = 1,
	RSHI_TRACE_WAIT_CONDITION = 2,
	RSHI_TRACE_WAIT_SEMAPHORE = 3,
	RSHI_TRACE_WAIT_IO = 4,
	RSHI_TRACE_WAIT_JOIN = 5,
	RSHI_TRACE_WAIT_READ = 6,  /* a reader-writer lock, for reading */
	RSHI_TRACE_WAIT_WRITE = 7, /* ... for writing */
	RSHI_TRACE_WAIT_BARRIER = 8,
};

#define RSHI_TRACE_TEXT      1024 /* bytes of a text at most: longer ones are cut */
#define RSHI_TRACE_FRAMES    128  /* of a stack: what called them is left out */
#define RSHI_TRACE_EVENT_MAX (1 + 10 + 5 + 10 + 10) /* bytes of an event without a text */

/*
 * Names: behind the block {var number, text} until it ends. Numbers are the process's: they are the
 * same in all its generations, and a generation has those that its events use, and may have others.
 *
 * Losses: behind the block {var class, var events} until it ends; classes without one may be left
 * out. A loss of this generation: events that are in no batch.
 */
enum rshi_trace_lost {
	RSHI_TRACE_LOST_BUFFER, /* all buffers were full */
	RSHI_TRACE_LOST_NESTED, /* a handler interrupted a handler that was emitting */
	RSHI_TRACE_LOST_THREAD, /* no memory for what a thread needs */
	RSHI_TRACE_LOST_SAMPLE, /* the CPU profiler could not keep it */
	RSHI_TRACE_LOST_CLASSES,
};

/* The last block of a generation. Flags: RSHI_TRACE_LAST in the last generation of a trace. */
struct rshi_trace_tail {
	struct rshi_trace_block block;
	uint64_t generation;
	struct rshi_trace_clock end;
	uint64_t events; /* in the batches of this generation */
	uint64_t lost;   /* the sum of its losses */
	uint32_t reserved;
	uint32_t mark; /* RSHI_TRACE_END */
} __attribute__((packed));

#define RSHI_TRACE_LAST 1u

/* What is above is what is written. */
_Static_assert(sizeof(struct rshi_trace_block) == 8, "block");
_Static_assert(sizeof(struct rshi_trace_header) == 80, "header");
_Static_assert(sizeof(struct rshi_trace_batch) == 48, "batch");
_Static_assert(sizeof(struct rshi_trace_tail) == 64, "tail");

#endif /* RSH_CORE_TRACE_FORMAT_H */
