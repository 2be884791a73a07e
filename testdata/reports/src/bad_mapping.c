/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A section of the program lies where the runtime wants its shadow: it cannot start.
 * cflags: -no-pie -fno-pie -Wl,--section-start=.far=0x100000000000
 */
__attribute__((section(".far"), used)) static char far_away[4096] = {1};

int main(void)
{
	return 0;
}
