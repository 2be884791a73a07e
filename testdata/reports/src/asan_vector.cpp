/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vector's memory behind its end: `container-overflow`.
 * detector: asan
 * cflags: -D_GLIBCXX_SANITIZE_VECTOR
 */
#include <vector>

static __attribute__((noinline)) int reads_behind(std::vector<int> &v)
{
	return *(volatile int *)(v.data() + v.size());
}

int main()
{
	std::vector<int> v;

	v.reserve(10);
	v.push_back(1);
	return reads_behind(v);
}
