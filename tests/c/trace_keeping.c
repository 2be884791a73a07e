/* SPDX-License-Identifier: BSD-2-Clause */
#include "trace_keeping.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "check.h"

static int put(void *file, const void *bytes, size_t n)
{
	CHECK_EQ(fwrite(bytes, 1, n, file), n);
	return 0;
}

static void keep(void *arg, const unsigned char *generation, size_t n)
{
	struct trace_keeping *k = arg;
	const struct rsh_writer to_file = {put, k->encoded};
	size_t used = 0;

	CHECK_EQ(put(k->raw, generation, n), 0);
	CHECK_EQ(rshi_perfetto_raw(k->encoder, generation, n, &to_file, &used), 0);
	CHECK_EQ(used, n);
}

static FILE *opened(const struct trace_keeping *k, const char *kind)
{
	char path[4096];
	FILE *file;

	CHECK(snprintf(path, sizeof(path), "%s/%u.%s", k->folder, k->n, kind) < (int)sizeof(path));
	file = fopen(path, "wb");
	CHECK(file);
	return file;
}

void trace_keep_begin(struct trace_keeping *k, struct trace_reading *r)
{
	char name[16] = {0};
	struct rshi_perfetto_process process = {.pid = getpid(), .start = k->n, .name = name};

	if (!k->folder)
		return;
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	process.n_name = strlen(name);
	CHECK_EQ(rshi_perfetto_create(&process, &k->encoder), 0);
	k->raw = opened(k, "trace");
	k->encoded = opened(k, "pftrace");
	r->whole = keep;
	r->whole_arg = k;
}

void trace_keep_end(struct trace_keeping *k)
{
	if (!k->folder)
		return;
	CHECK_EQ(fclose(k->raw), 0);
	CHECK_EQ(fclose(k->encoded), 0);
	rshi_perfetto_destroy(k->encoder);
	k->n++;
}
