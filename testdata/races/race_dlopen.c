/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One side of the race is in a library loaded by dlopen(): its frames are named too. (gcc's
 * dlopen() is called from libtsan.so, so the program's path must be an RPATH, that every caller
 * inherits.)
 *
 * report: data race in plugin_add, read_total
 * helper-so: plugin.c
 * libs: -Wl,--disable-new-dtags
 * uninstrumented: step.c
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "step.h"

int total;
static void (*add)(int *to, int n);

static NOINLINE int read_total(void)
{
	return total;
}

static void *worker(void *arg)
{
	add(&total, 5);
	step_set(1);
	return arg;
}

int main(void)
{
	void *plugin = dlopen("libplugin.so", RTLD_NOW);
	pthread_t thread;
	int seen;

	if (plugin == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&add = dlsym(plugin, "plugin_add");
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = read_total();
	pthread_join(thread, NULL);
	return seen != 5;
}
