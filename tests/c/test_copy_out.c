/* SPDX-License-Identifier: BSD-2-Clause */
/* rsh_copy_out: values and errors, alone and from several threads that synchronise their buffers. */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <raceshim/raceshim.h>

#include "check.h"

#define THREADS 4
#define ROUNDS  2000

static void test_values(void)
{
	static unsigned char src[5000], dst[5002];

	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (unsigned char)(i * 31 + i / 256);
	for (size_t n = 1; n <= sizeof(src); n += n < 300 ? 1 : 97) {
		memset(dst, 0xee, sizeof(dst));
		CHECK_EQ(rsh_copy_out(dst + 1, src, n), 0);
		CHECK_EQ(dst[0], 0xee);
		CHECK_EQ(dst[n + 1], 0xee);
		CHECK(memcmp(dst + 1, src, n) == 0);
	}
}

static void test_errors(void)
{
	char byte = 1, other = 2;

	errno = 77;
	CHECK_EQ(rsh_copy_out(NULL, &byte, 1), EINVAL);
	CHECK_EQ(rsh_copy_out(&byte, NULL, 1), EINVAL);
	CHECK_EQ(byte, 1);
	CHECK_EQ(rsh_copy_out(NULL, NULL, 0), 0);
	CHECK_EQ(rsh_copy_out(&byte, &other, 0), 0);
	CHECK_EQ(byte, 1);
	CHECK_EQ(errno, 77);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t shared[64]; /* under lock: all elements are equal */

static void *writer(void *arg)
{
	uint64_t own[64], seen[64];

	for (uint64_t round = 1; round <= ROUNDS; round++) {
		for (size_t i = 0; i < 64; i++)
			own[i] = round * THREADS + (uintptr_t)arg;
		pthread_mutex_lock(&lock);
		CHECK_EQ(rsh_copy_out(shared, own, sizeof(own)), 0);
		pthread_mutex_unlock(&lock);

		pthread_mutex_lock(&lock);
		CHECK_EQ(rsh_copy_out(seen, shared, sizeof(seen)), 0);
		pthread_mutex_unlock(&lock);
		for (size_t i = 1; i < 64; i++)
			CHECK_EQ(seen[i], seen[0]);
	}
	return NULL;
}

static void test_threads_with_a_lock_see_whole_copies(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, writer, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(shared[0] / THREADS, ROUNDS);
}

int main(void)
{
	test_values();
	test_errors();
	test_threads_with_a_lock_see_whole_copies();
	return 0;
}
