/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * localtime() returns one static struct to everybody; localtime_r() is the cure.
 *
 * report: data race in date_of_log, date_of_mail
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <time.h>

#include "step.h"

static NOINLINE struct tm *date_of_log(time_t at)
{
	return localtime(&at);
}

static NOINLINE struct tm *date_of_mail(time_t at)
{
	return localtime(&at);
}

static void *worker(void *arg)
{
	arg = date_of_log(86400);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	struct tm *mine;
	void *theirs;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	mine = date_of_mail(172800);
	pthread_join(thread, &theirs);
	return mine != theirs;
}
