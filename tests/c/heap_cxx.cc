// SPDX-License-Identifier: BSD-2-Clause
// Every operator new and delete of C++, and exceptions that pass through them: heap_cxx [WITHOUT ...].

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include <raceshim/heapprof.h>

// Far from everything else, so that its code is known by its address.
#define SITE __attribute__((noinline, aligned(4096), section("sites")))

struct alignas(128) Wide {
	char bytes[300];
};

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	std::fprintf(stderr, "not so: %s\n", what);
	std::abort();
}

static struct rsh_heapprof_stats stats()
{
	struct rsh_heapprof_stats now;

	require(rsh_heapprof_stats(&now) == 0, "stats");
	return now;
}

__attribute__((noinline)) static void throw_one(int i)
{
	auto text = std::make_unique<std::string>(1000, 'x');

	if (i % 3 == 0)
		throw std::runtime_error("no " + *text);
}

static void throw_some(int n)
{
	for (int i = 0; i < n; i++) {
		try {
			throw_one(i);
		} catch (const std::exception &) {
		}
	}
}

// Told by nobody under ThreadSanitizer, whose hooks are not called for aligned memory.
SITE static int news(void **made, bool aligned)
{
	int n = 0;

	made[n++] = ::operator new(4);
	made[n++] = ::operator new[](40);
	made[n++] = ::operator new(4, std::nothrow);
	made[n++] = ::operator new[](16, std::nothrow);
	if (!aligned)
		return n;
	made[n++] = ::operator new(384, std::align_val_t(128));
	made[n++] = ::operator new[](1152, std::align_val_t(128));
	made[n++] = ::operator new(384, std::align_val_t(128), std::nothrow);
	made[n++] = ::operator new[](384, std::align_val_t(128), std::nothrow);
	return n;
}

__attribute__((noinline)) static void deletes(void **made, bool aligned)
{
	::operator delete(made[0], 4);
	::operator delete[](made[1]);
	::operator delete(made[2], std::nothrow);
	::operator delete[](made[3], std::nothrow);
	if (!aligned)
		return;
	::operator delete(made[4], std::align_val_t(128));
	::operator delete[](made[5], std::align_val_t(128));
	::operator delete(made[6], 384, std::align_val_t(128));
	::operator delete[](made[7], std::align_val_t(128), std::nothrow);
}

int main(int argc, char **argv)
{
	bool aligned = true, large = true;
	static rsh_heap_record records[500];
	void *made[8];
	std::size_t got = 0;

	for (int i = 1; i < argc; i++) {
		aligned = aligned && std::strcmp(argv[i], "aligned");
		large = large && std::strcmp(argv[i], "large");
	}
	// The first exception of a program that is linked statically sorts its tables, and keeps that.
	throw_some(3);
	require(rsh_heapprof_rate(1) == 0, rsh_strerror(rsh_heapprof_rate(1)));
	throw_some(30);
	require(stats().sampled >= 90 && stats().live == 0, "exceptions leave nothing");
	if (large) {
		volatile std::size_t size = std::size_t(1) << 62;

		try {
			made[0] = ::operator new(size);
			require(false, "there is so much memory");
		} catch (const std::bad_alloc &) {
		}
		require(!::operator new(size, std::nothrow), "there is so much memory");
	}
	const auto before = stats();
	// Not a copy of the function, which compilers make as they like.
	int (*volatile const make)(void **, bool) = news;
	const int n = make(made, aligned);
	const auto between = stats();
	deletes(made, aligned);
	const auto after = stats();
	require(rsh_heapprof_rate(0) == 0, "off");
	require(between.sampled - before.sampled == std::uint64_t(n), "each new is one sample");
	require(between.live - before.live == std::uint64_t(n), "each new is live");
	require(after.sampled == between.sampled && after.live == before.live, "each delete");
	require(after.lost == 0, "nothing is lost");
	require(rsh_heapprof_read(records, 500, &got) == 0, "read");
	// The leaf is the caller of the operator, whatever that has called.
	int leaves = 0;
	for (std::size_t i = 0; i < got; i++) {
		const auto in_news = records[i].pcs[0] - reinterpret_cast<std::uintptr_t>(&news);

		if (in_news - 1 < 2000)
			leaves += int(records[i].alloc_objects);
	}
	require(leaves == n, "stacks begin at the operator's call");
	return 0;
}
