/* SPDX-License-Identifier: BSD-2-Clause */

int NAME(int x);

int NAME(int x)
{
	if (x > 2)
		return x;
	return -x;
}
