/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does with libraries what its arguments say, one after the other:
 *
 *   +<letter><file>  load the library as <letter>     -<letter>  unload it
 *   <letter>         call its lib_turn()               write=<dir>  rsh_cover_write_counters_dir
 *   clear            rsh_cover_clear                   meta=<dir>   rsh_cover_write_meta_dir
 *   alone            let main end, and go on in another thread
 */
#include <dlfcn.h>
#include <pthread.h>
#ifndef WITHOUT_API
#include <raceshim/cover.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *libraries[128];

static void load(int letter, const char *file)
{
	libraries[letter] = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!libraries[letter]) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
}

static void call(int letter)
{
	int (*turn)(int) = (int (*)(int))dlsym(libraries[letter], "lib_turn");

	if (!turn || turn(1) != 2)
		exit(1);
}

static void check(int err)
{
	if (err != 0) {
		fprintf(stderr, "%d\n", err);
		exit(1);
	}
}

static void *go_on_alone(void *arg);

static int go_on(char **steps)
{
	for (; *steps; steps++) {
		const char *a = *steps;
		pthread_t thread;

		if (a[0] == '+')
			load(a[1], a + 2);
		else if (a[0] == '-')
			check(dlclose(libraries[(int)a[1]]));
		else if (a[1] == '\0')
			call(a[0]);
		else if (strcmp(a, "alone") == 0) {
			check(pthread_create(&thread, NULL, go_on_alone, steps + 1));
			pthread_exit(NULL);
		}
#ifndef WITHOUT_API
		else if (strncmp(a, "write=", 6) == 0)
			check(rsh_cover_write_counters_dir(a + 6));
		else if (strncmp(a, "meta=", 5) == 0)
			check(rsh_cover_write_meta_dir(a + 5));
		else if (strcmp(a, "clear") == 0)
			check(rsh_cover_clear());
#endif
		else
			return 2;
	}
	return 0;
}

/* Of a process whose first thread has ended the kernel tells nothing under /proc/self. */
static void *go_on_alone(void *arg)
{
	char path[8];

	while (readlink("/proc/self/exe", path, sizeof(path)) > 0)
		usleep(100);
	exit(go_on(arg));
}

int main(int argc, char **argv)
{
	(void)argc;
	return go_on(argv + 1);
}
