/* SPDX-License-Identifier: BSD-2-Clause */
/* The library that race_dlopen loads. */

void plugin_add(int *to, int n);

void plugin_add(int *to, int n)
{
	*to += n;
}
