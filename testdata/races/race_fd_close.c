/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A descriptor is closed while another thread still writes to it: by then the number may be
 * somebody else's file. The detector keeps books on descriptors as it does on memory.
 *
 * report: data race in use_log, close_log
 * uninstrumented: step.c
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "step.h"

static int log_fd;

static NOINLINE ssize_t use_log(void)
{
	return write(log_fd, "line\n", 5);
}

static NOINLINE int close_log(void)
{
	return close(log_fd);
}

static void *worker(void *arg)
{
	arg = use_log() == 5 ? NULL : arg;
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *failed;
	int status;

	log_fd = open("/dev/null", O_WRONLY);
	pthread_create(&thread, NULL, worker, &log_fd);
	step_wait(1);
	status = close_log();
	pthread_join(thread, &failed);
	return status != 0 || failed != NULL;
}
