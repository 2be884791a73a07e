/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does with libraries what its arguments say, one after the other:
 *
 *   +<letter><file>  load the library as <letter>     -<letter>  unload it
 *   <letter>         call its lib_turn()               write=<dir>  rsh_cover_write_counters_dir
 *   clear            rsh_cover_clear                   meta=<dir>   rsh_cover_write_meta_dir
 */
#include <dlfcn.h>
#ifndef WITHOUT_API
#include <raceshim/cover.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (a[0] == '+')
			load(a[1], a + 2);
		else if (a[0] == '-')
			check(dlclose(libraries[(int)a[1]]));
		else if (a[1] == '\0')
			call(a[0]);
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
