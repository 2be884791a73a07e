/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way in which control goes on from one block to another. What has counted it, clang's regions
 * or edges with the blocks that these imply, must not matter. Argument: how many rounds.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static volatile unsigned sink;

static unsigned loops(unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++) {
		if (i % 5 == 4)
			continue;
		for (unsigned j = 0; j < i; j++) {
			if (j * j > i)
				break;
			sum += j;
		}
	}
	while (n > 1) {
		n = n % 2 ? 3 * n + 1 : n / 2;
		sum++;
	}
	do {
		sum ^= n;
		n++;
	} while (n < 7);
	return sum;
}

static unsigned switches(unsigned n)
{
	switch (n % 9) {
	case 0:
	case 1:
		return 10;
	case 2:
		n += 3;
		/* fall through */
	case 3:
		n *= 2;
		break;
	case 4:
		if (n > 40)
			goto far;
		n--;
		break;
	case 8:
		n ^= 1;
		break;
	default:
		n = n > 20 && n % 2 ? n - 20 : n + 1;
	}
	if (n < 4)
		return n;
	return n - 4;
far:
	return n / 2;
}

static unsigned returns(unsigned n)
{
	if (n == 0)
		return 0;
	if (n % 3 == 0 || n % 7 == 0) {
		if (n % 2)
			return returns(n - 1);
		return 1;
	}
	if (n < 3)
		return n;
	return returns(n / 3) + returns(n / 5);
}

__attribute__((noreturn)) static void give_up(int status)
{
	fflush(stdout);
	exit(status);
}

static unsigned must(unsigned n)
{
	if (n > 100000)
		give_up(3);
	if (n > 99999) {
		puts("nearly");
		abort();
	}
	return n + 1;
}

static jmp_buf back;

static void jumps(unsigned n)
{
	if (n % 4 == 3)
		longjmp(back, 1);
	sink += n;
}

static unsigned comes_back(unsigned n)
{
	if (setjmp(back)) {
		sink++;
		return 1;
	}
	jumps(n);
	return 2;
}

static unsigned never(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sink += i;
	return n;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *arg)
{
	unsigned rounds = *(unsigned *)arg, sum = 0;

	for (unsigned i = 0; i < rounds; i++) {
		sum += loops(i % 30);
		sum += switches(i);
		sum += returns(i);
		sum += must(i);
	}
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < rounds; i++)
		sum += comes_back(i);
	sink += sum;
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 50;
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, work, &rounds))
			return 1;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	if (rounds > 1000)
		printf("%u\n", never(rounds));
	return 0;
}
