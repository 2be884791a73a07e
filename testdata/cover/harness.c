/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One test point of <raceshim/cover.h> a run: harness <test point> <output directory>. It exits with
 * 1 and a text if the library answers anything but what it should.
 */
#include <dirent.h>
#include <errno.h>
#include <raceshim/cover.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NOINLINE __attribute__((noinline))

static const char *outdir;

static void fail(const char *what, int err)
{
	fprintf(stderr, "%s: %d: %s\n", what, err, rsh_strerror(err));
	exit(1);
}

static void succeeds(const char *what, int err)
{
	if (err != 0)
		fail(what, err);
}

/* The call fails with @wanted, whose text contains @text. */
static void fails(const char *what, int err, int wanted, const char *text)
{
	if (err != wanted || !strstr(rsh_strerror(err), text)) {
		fprintf(stderr, "wanted: %s\n", text);
		fail(what, err);
	}
}

/* A writer into memory, whose calls from number @limit on fail. */
struct memory {
	unsigned char *bytes;
	size_t len;
	long calls;
	long limit; /* negative: never */
};

enum { MANUFACTURED = 4711 };

static int append(void *arg, const void *buf, size_t len)
{
	struct memory *m = arg;

	if (m->limit >= 0 && m->calls++ >= m->limit)
		return MANUFACTURED;
	if (m->limit < 0)
		m->calls++;
	m->bytes = realloc(m->bytes, m->len + len);
	if (!m->bytes)
		abort();
	memcpy(m->bytes + m->len, buf, len);
	m->len += len;
	return 0;
}

static void save(const char *name, const struct memory *m)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", outdir, name);
	file = fopen(path, "wb");
	if (!file || fwrite(m->bytes, 1, m->len, file) != m->len || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static NOINLINE void emit_to_dir(void)
{
	succeeds("write_meta_dir", rsh_cover_write_meta_dir(outdir));
	succeeds("write_counters_dir", rsh_cover_write_counters_dir(outdir));
}

static NOINLINE void emit_to_writer(void)
{
	struct memory meta = {.limit = -1}, counters = {.limit = -1};
	struct rsh_writer to_meta = {append, &meta}, to_counters = {append, &counters};

	succeeds("write_meta", rsh_cover_write_meta(&to_meta));
	save("meta", &meta);
	succeeds("write_counters", rsh_cover_write_counters(&to_counters));
	save("counters", &counters);
}

static NOINLINE void emit_to_nonexistent_dir(void)
{
	char mangled[4096];

	snprintf(mangled, sizeof(mangled), "%s_MANGLED", outdir);
	fails("meta", rsh_cover_write_meta_dir(mangled), ENOENT, "No such file or directory");
	fails("counters", rsh_cover_write_counters_dir(mangled), ENOENT,
	      "No such file or directory");
	fails("meta", rsh_cover_write_meta_dir(NULL), EINVAL, "invalid argument");
	fails("counters", rsh_cover_write_counters_dir(NULL), EINVAL, "invalid argument");
	fails("meta", rsh_cover_write_meta_dir("/dev/null"), ENOTDIR, "Not a directory");
	fails("counters", rsh_cover_write_counters_dir("/dev/null"), ENOTDIR, "Not a directory");
}

static NOINLINE void emit_to_unwritable_dir(void)
{
	fails("meta", rsh_cover_write_meta_dir(outdir), EACCES, "Permission denied");
	fails("counters", rsh_cover_write_counters_dir(outdir), EACCES, "Permission denied");
}

static NOINLINE void emit_to_nil_writer(void)
{
	struct rsh_writer nothing = {NULL, NULL};

	fails("meta", rsh_cover_write_meta(NULL), RSH_ENOWRITER, "no writer");
	fails("counters", rsh_cover_write_counters(NULL), RSH_ENOWRITER, "no writer");
	fails("delta", rsh_cover_read_and_clear(NULL), RSH_ENOWRITER, "no writer");
	fails("meta", rsh_cover_write_meta(&nothing), RSH_ENOWRITER, "no writer");
	fails("counters", rsh_cover_write_counters(&nothing), RSH_ENOWRITER, "no writer");
	fails("delta", rsh_cover_read_and_clear(&nothing), RSH_ENOWRITER, "no writer");
}

/* Count the writes, then let each of them fail. */
static void stress(const char *what, int (*call)(const struct rsh_writer *w))
{
	struct memory m = {.limit = -1};
	struct rsh_writer w = {append, &m};
	long calls;

	succeeds(what, call(&w));
	calls = m.calls;
	if (calls < 1)
		fail(what, 0);
	for (long i = 0; i < calls; i++) {
		m.calls = 0;
		m.limit = i;
		m.len = 0;
		if (call(&w) != MANUFACTURED)
			fail(what, MANUFACTURED);
	}
	printf("%s: %ld writes\n", what, calls);
	free(m.bytes);
}

/* Enough counters that a snapshot takes several writes. */
static uint64_t many[40000];

static void register_many(void)
{
	struct rsh_cover_array array = {"many", many, 40000, 64, 3, NULL};

	for (size_t i = 0; i < 40000; i++)
		many[i] = i + 1;
	succeeds("register", rsh_cover_register(&array));
}

static NOINLINE void emit_to_failing_writer(void)
{
	register_many();
	stress("write_meta", rsh_cover_write_meta);
	stress("write_counters", rsh_cover_write_counters);
}

/* How many files there are whose names begin so, but for the directory's own two entries. */
static int files_named(const char *beginning)
{
	DIR *dir = opendir(outdir);
	int n = 0;

	if (!dir)
		fail("opendir", errno);
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strncmp(e->d_name, beginning, strlen(beginning)) == 0)
			n++;
	closedir(dir);
	return n;
}

/* Let files be larger and larger, until there is room for all that is written. */
static void squeeze(const char *what, int (*call)(const char *dir))
{
	struct rlimit limit;
	int err = EFBIG, before, attempts = 0;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
		fail("getrlimit", errno);
	before = files_named("covcounters.");
	for (limit.rlim_cur = 0; err; limit.rlim_cur += 1000) {
		setrlimit(RLIMIT_FSIZE, &limit);
		err = call(outdir);
		if (err && err != EFBIG)
			fail(what, err);
		/* Nothing under its final name, and nothing under another. */
		if (err && files_named("covcounters.") != before)
			fail("a file is left", err);
		if (files_named(".") != 0)
			fail("an unfinished file is left", err);
		attempts += err != 0;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	printf("%s: %d attempts\n", what, attempts);
}

static NOINLINE void emit_to_full_dir(void)
{
	signal(SIGXFSZ, SIG_IGN);
	register_many();
	squeeze("write_meta_dir", rsh_cover_write_meta_dir);
	squeeze("write_counters_dir", rsh_cover_write_counters_dir);
}

static NOINLINE int pre_clear(void)
{
	return 42;
}

static volatile int answer = 42;

static NOINLINE int post_clear(void)
{
	return 42;
}

static NOINLINE void emit_with_counter_clear(void)
{
	pre_clear();
	succeeds("clear", rsh_cover_clear());
	if (post_clear() == answer)
		emit_to_dir();
}

/* What the second reading finds is what ran since the first; a failed one takes nothing away. */
static NOINLINE void emit_with_read_and_clear(void)
{
	struct memory meta = {.limit = -1}, before = {.limit = -1}, after = {.limit = -1};
	struct memory broken = {.limit = 0};
	struct rsh_writer to_meta = {append, &meta}, to_before = {append, &before};
	struct rsh_writer to_after = {append, &after}, to_broken = {append, &broken};

	pre_clear();
	fails("failing", rsh_cover_read_and_clear(&to_broken), MANUFACTURED, "unknown");
	succeeds("first", rsh_cover_read_and_clear(&to_before));
	post_clear();
	succeeds("second", rsh_cover_read_and_clear(&to_after));
	succeeds("write_meta", rsh_cover_write_meta(&to_meta));
	save("meta", &meta);
	save("before", &before);
	save("after", &after);
}

/* Counters that are incremented plainly cannot be read and cleared at once. */
static NOINLINE void emit_in_the_wrong_mode(void)
{
	struct memory m = {.limit = -1};
	struct rsh_writer w = {append, &m};

	fails("read_and_clear", rsh_cover_read_and_clear(&w), RSH_ECOVERMODE, "--cover=atomic");
	if (m.calls != 0)
		fail("a write", 0);
}

static NOINLINE void not_covered(void)
{
	struct memory m = {.limit = -1};
	struct rsh_writer w = {append, &m};
	struct rsh_cover_stats stats;
	const char *text = "not built with coverage";

	if (rsh_cover_enabled())
		fail("enabled", 0);
	fails("meta_dir", rsh_cover_write_meta_dir(outdir), RSH_ENOTCOVERED, text);
	fails("counters_dir", rsh_cover_write_counters_dir(outdir), RSH_ENOTCOVERED, text);
	fails("meta", rsh_cover_write_meta(&w), RSH_ENOTCOVERED, text);
	fails("counters", rsh_cover_write_counters(&w), RSH_ENOTCOVERED, text);
	fails("read_and_clear", rsh_cover_read_and_clear(&w), RSH_ENOTCOVERED, text);
	fails("clear", rsh_cover_clear(), RSH_ENOTCOVERED, text);
	fails("stats", rsh_cover_stats(&stats), RSH_ENOTCOVERED, text);
	if (m.calls != 0)
		fail("a write", 0);
}

static NOINLINE void count_the_live(void)
{
	struct rsh_cover_stats stats;

	fails("stats", rsh_cover_stats(NULL), EINVAL, "invalid argument");
	succeeds("stats", rsh_cover_stats(&stats));
	printf("%d %llu %llu %llu %llu\n", rsh_cover_enabled(), (unsigned long long)stats.units,
	       (unsigned long long)stats.functions, (unsigned long long)stats.counters,
	       (unsigned long long)stats.live);
}

static NOINLINE int final(void)
{
	puts("I run last.");
	return 43;
}

static const struct {
	const char *name;
	void (*run)(void);
} points[] = {
        {"emitToDir", emit_to_dir},
        {"emitToWriter", emit_to_writer},
        {"emitToNonexistentDir", emit_to_nonexistent_dir},
        {"emitToUnwritableDir", emit_to_unwritable_dir},
        {"emitToNilWriter", emit_to_nil_writer},
        {"emitToFailingWriter", emit_to_failing_writer},
        {"emitToFullDir", emit_to_full_dir},
        {"emitWithCounterClear", emit_with_counter_clear},
        {"emitWithReadAndClear", emit_with_read_and_clear},
        {"emitInTheWrongMode", emit_in_the_wrong_mode},
        {"notCovered", not_covered},
        {"stats", count_the_live},
};

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: harness TESTPOINT DIRECTORY\n");
		return 2;
	}
	outdir = argv[2];
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (strcmp(points[i].name, argv[1]) == 0) {
			points[i].run();
			final();
			return 0;
		}
	fprintf(stderr, "unknown test point %s\n", argv[1]);
	return 2;
}
