/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared object lives on main's stack: its address is enough to race on it.
 *
 * report: data race in finish_request, poll_request
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

struct request {
	int status;
};

static NOINLINE void finish_request(struct request *request)
{
	request->status = 1;
}

static NOINLINE int poll_request(const struct request *request)
{
	return request->status;
}

static void *worker(void *request)
{
	finish_request(request);
	step_set(1);
	return request;
}

int main(void)
{
	struct request request = {.status = 0};
	pthread_t thread;
	int seen;

	pthread_create(&thread, NULL, worker, &request);
	step_wait(1);
	seen = poll_request(&request);
	pthread_join(thread, NULL);
	return seen != 1;
}
