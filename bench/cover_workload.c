/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bench/cover_overhead.py times: each thread works on an SQLite database of its own in memory.
 * Arguments: threads, rows. Prints the wall time and the processor time, in
 * milliseconds.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sqlite3.h"

#define THREADS_MAX 64

static int rows;

static void must(int code, const char *what)
{
	if (code != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", what, sqlite3_errstr(code));
		exit(1);
	}
}

static void run(sqlite3 *db, const char *sql)
{
	must(sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

static void fill(sqlite3 *db)
{
	sqlite3_stmt *insert;

	run(db, "create table t(a integer primary key, b text, c real); create index i on t(b)");
	run(db, "begin");
	must(sqlite3_prepare_v2(db, "insert into t(b, c) values(?, ?)", -1, &insert, NULL),
	     "insert");
	for (int i = 0; i < rows; i++) {
		char name[32];

		snprintf(name, sizeof(name), "name%d", (int)((unsigned)i * 7919u % (unsigned)rows));
		sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT);
		sqlite3_bind_double(insert, 2, i * 0.5);
		sqlite3_step(insert);
		must(sqlite3_reset(insert), "insert");
	}
	sqlite3_finalize(insert);
	run(db, "commit");
}

static void *work(void *arg)
{
	sqlite3 *db;

	must(sqlite3_open(":memory:", &db), "open");
	fill(db);
	for (int i = 0; i < rows / 10; i++) {
		char sql[160];

		snprintf(sql, sizeof(sql),
		         "select a, upper(b), c * 2 from t where b between 'name%d' and 'name%d' "
		         "order by c limit 20",
		         i, i + 3);
		run(db, sql);
	}
	run(db, "select b, count(*), sum(c), avg(a) from t group by substr(b, 1, 5) order by 2");
	run(db, "select count(*) from t x join t y on x.a = y.a + 1 where x.c > y.c");
	run(db, "update t set c = c + 1 where a % 3 = 0");
	run(db, "delete from t where b like 'name1%'");
	must(sqlite3_close(db), "close");
	return arg;
}

static double milliseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	int threads = argc == 3 ? atoi(argv[1]) : 0;
	pthread_t thread[THREADS_MAX];
	double wall, processor;

	rows = argc == 3 ? atoi(argv[2]) : 0;
	if (threads < 1 || threads > THREADS_MAX || rows < 1)
		return 2;
	/* Once, by one thread: its double-checked locking is a race. */
	must(sqlite3_initialize(), "initialize");
	wall = milliseconds(CLOCK_MONOTONIC);
	processor = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < threads; i++)
		must(pthread_create(&thread[i], NULL, work, NULL), "thread");
	for (int i = 0; i < threads; i++)
		must(pthread_join(thread[i], NULL), "join");
	printf("%.3f %.3f\n", milliseconds(CLOCK_MONOTONIC) - wall,
	       milliseconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
	return 0;
}
