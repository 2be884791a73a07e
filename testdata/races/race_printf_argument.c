/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A string is overwritten while another thread formats it: printf's %s reads it, and the detector
 * knows.
 *
 * report: data race in rename_user, greet
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "step.h"

char user[16] = "alice";

static NOINLINE void rename_user(const char *to)
{
	strcpy(user, to);
}

static NOINLINE int greet(char *into, size_t size)
{
	return snprintf(into, size, "hello %s", user);
}

static void *worker(void *name)
{
	rename_user(name);
	step_set(1);
	return name;
}

int main(void)
{
	static char name[] = "bob", greeting[32];
	pthread_t thread;

	pthread_create(&thread, NULL, worker, name);
	step_wait(1);
	greet(greeting, sizeof(greeting));
	pthread_join(thread, NULL);
	return strcmp(greeting, "hello bob") != 0;
}
