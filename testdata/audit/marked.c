/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that nobody installs here: they are meant for handlers by their section, by their
 * name, and by nothing, for --root.
 */
#include <stdlib.h>

void *volatile kept;

void by_section(void);
void by_name_sig(void);
void by_option(void);

__attribute__((section("rsh_sig"))) void by_section(void)
{
	kept = malloc(1);
}

void by_name_sig(void)
{
	kept = calloc(1, 2);
}

void by_option(void)
{
	kept = realloc(kept, 3);
}
