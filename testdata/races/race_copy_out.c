/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The uninstrumented library writes into the user's buffer while another thread reads it. The
 * library says so itself, and the report names its public function under the user's own caller.
 *
 * report: data race in rsh_copy_out<fill, reader
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <raceshim/raceshim.h>

#include "step.h"

char buffer[64];
static const char text[64] = "copied by the library";

static NOINLINE int fill(void)
{
	return rsh_copy_out(buffer, text, sizeof(buffer));
}

static NOINLINE char reader(size_t at)
{
	return buffer[at];
}

static void *worker(void *arg)
{
	if (fill() != 0)
		arg = &buffer;
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *failed;
	char seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = reader(3);
	pthread_join(thread, &failed);
	return failed != NULL || seen != 'i';
}
