/* SPDX-License-Identifier: BSD-2-Clause */
/* A library that calls the program while it is being loaded. */

void while_loading(void);

__attribute__((constructor)) static void begin(void)
{
	while_loading();
}
