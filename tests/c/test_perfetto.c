/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces when memory or the writer fails, and with texts of any length and bytes. What a good one
 * says is for others to read:
 *
 *   FILE           write one there
 *   FILE N         write a large one there, of N events
 *   FILE raw RAW   write what is in a file of the tracer's own format; print how many bytes that is
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <raceshim/raceshim.h>

#include "allocations.h"
#include "check.h"
#include "encode/perfetto.h"

#define SECOND UINT64_C(1000000000)
#define START  (100 * SECOND)

static const char command[] = "./program\0--with\0two words";
static const struct rshi_perfetto_process process = {
        .pid = 4711,
        .start = 42,
        .name = "program",
        .n_name = 7,
        .command = command,
        .n_command = sizeof(command),
};
static const struct rshi_perfetto_clocks clocks = {START, START + 5, 1700000000 * SECOND};

struct sink {
	size_t n, calls, fail_at;
	FILE *file;
};

static int take(void *arg, const void *buf, size_t n)
{
	struct sink *s = arg;

	CHECK(n > 0);
	if (++s->calls == s->fail_at)
		return EDQUOT;
	s->n += n;
	if (s->file)
		CHECK_EQ(fwrite(buf, 1, n, s->file), n);
	return 0;
}

static struct rshi_perfetto_name named(const char *text, uint32_t number)
{
	const struct rshi_perfetto_name name = {text, strlen(text), number};

	return name;
}

static struct rshi_perfetto_event event(enum rshi_perfetto_kind kind, uint64_t time,
                                        const char *name, uint32_t number)
{
	const struct rshi_perfetto_event e = {
	        .kind = kind, .time = time, .name = named(name, number)};

	return e;
}

static void thread(struct rshi_perfetto *p, uint32_t tid, const char *name, uint64_t time)
{
	const struct rshi_perfetto_thread t = {tid, name, strlen(name)};

	CHECK_EQ(rshi_perfetto_thread(p, &t, time), 0);
}

/* A generation with one event of each kind that there is. */
static void put_all(struct rshi_perfetto *p)
{
	const uint64_t flows[] = {1, UINT64_MAX}, ends[] = {1};
	const struct rshi_perfetto_arg args[] = {
	        {.name = named("size", 5), .number = -3},
	        {.name = named("path", 6), .text = "/tmp/x", .n = 6},
	        {.name = named("loose", 0), .number = INT64_MIN},
	};
	struct rshi_perfetto_event e;

	thread(p, 4711, "main", START);
	e = event(RSHI_PERFETTO_BEGIN, START + 10, "work", 1);
	e.category = named("app", 2);
	e.args = args;
	e.n_args = 3;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = event(RSHI_PERFETTO_INSTANT, START + 20, "sent", 3);
	e.category = named("app", 2);
	e.flows = flows;
	e.n_flows = 2;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = event(RSHI_PERFETTO_COUNTER, START + 30, "queue", 4);
	e.value = -7;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e.value = INT64_MAX;
	e.time++;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = event(RSHI_PERFETTO_BEGIN, START + 40, "request", 7);
	e.task = 9;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = event(RSHI_PERFETTO_BEGIN, START + 41, "step", 8);
	e.task = 10;
	e.parent = 9;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = event(RSHI_PERFETTO_INSTANT, START + 50, "log", 10);
	e.log = "it is \xc3\xa9t\xff";
	e.n_log = strlen(e.log);
	e.priority = 4;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = (struct rshi_perfetto_event){.kind = RSHI_PERFETTO_END, .time = START + SECOND};
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);

	thread(p, 4712, "worker", START + 15);
	e = event(RSHI_PERFETTO_BEGIN, START + 25, "work", 1);
	e.ends = ends;
	e.n_ends = 1;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = (struct rshi_perfetto_event){.kind = RSHI_PERFETTO_END, .time = START + 26};
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e.time = START + 70;
	e.task = 10;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e.time = START + 71;
	e.task = 9;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e = event(RSHI_PERFETTO_INSTANT, START + 80, "loose", 0);
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
}

static void generation(struct rshi_perfetto *p, uint64_t number, const struct rsh_writer *writer)
{
	CHECK_EQ(rshi_perfetto_begin(p, number, &clocks, writer), 0);
	put_all(p);
	CHECK_EQ(rshi_perfetto_lost(p, START + SECOND, "buffers were full", 12), 0);
	CHECK_EQ(rshi_perfetto_end(p, START + SECOND, 15, 12, 1), 0);
}

static struct rshi_perfetto *created(void)
{
	struct rshi_perfetto *p;

	CHECK_EQ(rshi_perfetto_create(&process, &p), 0);
	return p;
}

/* Names, arguments and messages that are too long, at every length around the limit. */
static void test_long_texts(void)
{
	struct rshi_perfetto *p = created();
	struct sink sink = {0};
	const struct rsh_writer writer = {take, &sink};
	struct rshi_perfetto_arg args[RSHI_PERFETTO_ARGS_MAX + 3];
	uint64_t flows[RSHI_PERFETTO_FLOWS_MAX + 3] = {1};
	size_t n = 0, size = 100000;
	char *text = malloc(size);

	CHECK(text);
	for (size_t i = 0; i + 2 < size; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	for (size_t i = 0; i < sizeof(args) / sizeof(*args); i++)
		args[i] = (struct rshi_perfetto_arg){
		        {text, size, 100 + (uint32_t)i}, text, size, 0, 0};
	CHECK_EQ(rshi_perfetto_begin(p, 1, &clocks, &writer), 0);
	thread(p, 1, "t", START);
	for (size = RSHI_PERFETTO_NAME_MAX - 5; size < 99000; size += size < 1100 ? 1 : 9000) {
		const struct rshi_perfetto_event e = {
		        .kind = RSHI_PERFETTO_INSTANT,
		        .time = START + n,
		        .name = {text, size, 0},
		        .category = {text, size, 1 + (uint32_t)n},
		        .flows = flows,
		        .n_flows = RSHI_PERFETTO_FLOWS_MAX + 3,
		        .ends = flows,
		        .n_ends = RSHI_PERFETTO_FLOWS_MAX + 3,
		        .log = text,
		        .n_log = size,
		        .args = args,
		        .n_args = sizeof(args) / sizeof(*args),
		};

		CHECK_EQ(rshi_perfetto_put(p, &e), 0);
		n++;
	}
	CHECK_EQ(rshi_perfetto_end(p, START + n, n, 0, 1), 0);
	CHECK(sink.n > n * RSHI_PERFETTO_NAME_MAX);
	CHECK(sink.n < n * 15000);
	rshi_perfetto_destroy(p);
	free(text);
}

static void test_failing_writer(void)
{
	struct rshi_perfetto *p = created();
	struct sink sink = {.fail_at = 1};
	const struct rsh_writer writer = {take, &sink}, none = {NULL, NULL};
	const struct rshi_perfetto_event e = event(RSHI_PERFETTO_INSTANT, START, "x", 1);
	size_t calls;

	CHECK_EQ(rshi_perfetto_begin(p, 1, &clocks, NULL), RSH_ENOWRITER);
	CHECK_EQ(rshi_perfetto_end(p, START, 0, 0, 1), RSH_ENOWRITER);
	CHECK_EQ(rshi_perfetto_begin(p, 1, &clocks, &none), RSH_ENOWRITER);
	CHECK_EQ(rshi_perfetto_begin(p, 1, &clocks, &writer), 0);
	thread(p, 1, "t", START);
	while (!rshi_perfetto_put(p, &e))
		CHECK(sink.calls == 0);
	CHECK_EQ(rshi_perfetto_put(p, &e), EDQUOT);
	CHECK_EQ(rshi_perfetto_lost(p, START, "x", 1), EDQUOT);
	CHECK_EQ(rshi_perfetto_end(p, START, 1, 1, 1), EDQUOT);
	CHECK_EQ(sink.n, 0);
	calls = sink.calls;
	generation(p, 2, &writer); /* and is well again */
	CHECK_EQ(sink.calls, calls + 1);
	rshi_perfetto_destroy(p);
}

static void test_failing_memory(void)
{
	struct rshi_perfetto *p = NULL;
	struct sink sink = {0};
	const struct rsh_writer writer = {take, &sink};
	struct rshi_perfetto_event e = event(RSHI_PERFETTO_INSTANT, START, "x", 1);
	size_t before;

	allocations.fail_at = allocations.calls + 1;
	CHECK_EQ(rshi_perfetto_create(&process, &p), ENOMEM);
	CHECK(!p);
	p = created();
	CHECK_EQ(rshi_perfetto_begin(p, 1, &clocks, &writer), 0);
	thread(p, 1, "t", START);
	allocations.fail_at = allocations.calls + 1;
	CHECK_EQ(rshi_perfetto_put(p, &e), ENOMEM);
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e.category = named("far", 1000000);
	allocations.fail_at = allocations.calls + 1;
	CHECK_EQ(rshi_perfetto_put(p, &e), ENOMEM);
	allocations.fail_at = 0;
	e.category.number = 2;
	CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	e.kind = 0;
	CHECK_EQ(rshi_perfetto_put(p, &e), EINVAL);
	e.kind = RSHI_PERFETTO_COUNTER + 1;
	CHECK_EQ(rshi_perfetto_put(p, &e), EINVAL);
	CHECK_EQ(rshi_perfetto_end(p, START, 2, 1, 1), 0);
	before = sink.n;
	CHECK(before > 0);
	rshi_perfetto_destroy(p);
	rshi_perfetto_destroy(NULL);
	CHECK_EQ(allocations.live, 0);
}

/* The same bytes each time, whatever was written before. */
static void test_generations_stand_alone(void)
{
	struct rshi_perfetto *p = created();
	struct sink sink = {0};
	const struct rsh_writer writer = {take, &sink};
	size_t first;

	generation(p, 1, &writer);
	first = sink.n;
	for (int i = 0; i < 3; i++) {
		sink.n = 0;
		generation(p, 2, &writer);
		CHECK_EQ(sink.n, first);
	}
	rshi_perfetto_destroy(p);
}

static void large(struct rshi_perfetto *p, const struct rsh_writer *writer, uint64_t n)
{
	static const char *const names[] = {"read", "parse", "compute", "write"};

	CHECK_EQ(rshi_perfetto_begin(p, 1, &clocks, writer), 0);
	for (uint64_t i = 0; i < n; i += 2) {
		struct rshi_perfetto_event e = {.kind = RSHI_PERFETTO_END,
		                                .time = START + i * 100 + 70};

		if (i % 8000 == 0)
			thread(p, (uint32_t)(1 + i / 8000 % 8), "worker", START + i * 100);
		e = event(RSHI_PERFETTO_BEGIN, START + i * 100, names[i / 2 % 4],
		          1 + (uint32_t)(i / 2 % 4));
		CHECK_EQ(rshi_perfetto_put(p, &e), 0);
		e = (struct rshi_perfetto_event){.kind = RSHI_PERFETTO_END,
		                                 .time = START + i * 100 + 70};
		CHECK_EQ(rshi_perfetto_put(p, &e), 0);
	}
	CHECK_EQ(rshi_perfetto_end(p, START + n * 100, n, 0, 1), 0);
}

static void convert(struct rshi_perfetto *p, const struct rsh_writer *writer, const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size = 64 << 20, n, used = 0;
	unsigned char *bytes = malloc(size);
	int err;

	CHECK(file && bytes);
	n = fread(bytes, 1, size, file);
	fclose(file);
	/* So that the address sanitizer sees whoever reads too far. */
	bytes = realloc(bytes, n ? n : 1);
	CHECK(bytes);
	err = rshi_perfetto_raw(p, bytes, n, writer, &used);
	CHECK(used <= n);
	printf("%zu %s\n", used, err ? rsh_strerror(err) : "");
	free(bytes);
}

int main(int argc, char **argv)
{
	struct sink sink = {0};
	const struct rsh_writer writer = {take, &sink};

	if (argc > 1) {
		struct rshi_perfetto *p = created();

		sink.file = fopen(argv[1], "wb");
		CHECK(sink.file);
		if (argc > 3) {
			convert(p, &writer, argv[3]);
		} else if (argc > 2) {
			large(p, &writer, strtoull(argv[2], NULL, 10));
		} else {
			generation(p, 1, &writer);
			generation(p, 2, &writer);
		}
		CHECK_EQ(fclose(sink.file), 0);
		rshi_perfetto_destroy(p);
		return 0;
	}
	test_long_texts();
	test_failing_writer();
	test_failing_memory();
	test_generations_stand_alone();
	return 0;
}
