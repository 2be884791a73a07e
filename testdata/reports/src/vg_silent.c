/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing to report: the frame of the XML alone.
 * detector: helgrind drd memcheck
 * compilers: gcc-12 clang-19 clang-14
 */
int main(void)
{
	return 0;
}
