/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program without races, of the shapes in which optimisers put two increments of coverage counters
 * together: branches that end alike, switches, short-circuits, loops left early, inlined calls. Four
 * threads run all of it at once.
 */
#include <pthread.h>

#define NOINLINE __attribute__((noinline))

struct node {
	struct node *next;
	int key;
};

static NOINLINE int classify(int x)
{
	if (x & 1)
		return x > 10 ? 3 : 4;
	return x > 100 ? 5 : 6;
}

static NOINLINE int choose(int x)
{
	switch (x % 7) {
	case 0:
		return 1;
	case 1:
		return 2;
	case 2:
		x += 3;
		break;
	case 3:
		x *= 3;
		break;
	case 4:
		x ^= 5;
		break;
	case 5:
		return x;
	default:
		x--;
	}
	return x;
}

static NOINLINE int logic(int a, int b, int c)
{
	return (a > 1 && b > 2) || (c < 3 && a != b) || (b == c ? a : b) > 7;
}

static NOINLINE int loop(int n, const int *p)
{
	int s = 0;
	int i;

	for (i = 0; i < n; i++) {
		if (p[i & 15] > 3) {
			s += 2;
		} else if (p[i & 15] > 1) {
			s += 1;
		} else {
			s -= 1;
			if (s < -10)
				break;
		}
		if (s == 99)
			continue;
		s ^= i;
	}
	return s;
}

static NOINLINE int nested(int n)
{
	int s = 0;
	int i;
	int j;

	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++) {
			if ((i ^ j) & 1)
				s++;
			else
				s--;
			while (s > 50) {
				s /= 2;
				if (s & 1)
					s--;
				else
					s++;
			}
		}
	return s;
}

static inline int tiny(int x)
{
	return x ? x + 1 : x - 1;
}

static NOINLINE int calls(int x)
{
	if (x < 0)
		return tiny(x) + tiny(-x);
	return x > 5 ? tiny(x - 5) : tiny(x + 5);
}

static NOINLINE int early(int x)
{
	if (x < 0)
		return -1;
	if (x == 0)
		return 0;
	if (x == 1)
		return 1;
	return 2;
}

static NOINLINE int find(const struct node *n, int k)
{
	for (; n; n = n->next) {
		if (n->key == k)
			return 1;
		if (n->key > k)
			return 0;
	}
	return -1;
}

static NOINLINE int bits(unsigned x)
{
	int r = 0;

	if (x & 1)
		r |= 4;
	if (x & 2)
		r |= 8;
	if (x & 4)
		r |= 16;
	if (x & 8)
		r |= 32;
	else
		r |= 64;
	return r;
}

static NOINLINE int jump(int x)
{
	if (x == 3)
		goto add;
	if (x == 4)
		goto twice;
	x++;
add:
	x += 2;
	if (x > 50)
		goto out;
twice:
	x *= 2;
out:
	return x;
}

static NOINLINE void scale(float *to, const float *from, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (from[i] > 0)
			to[i] = from[i] * 2;
		else
			to[i] = from[i] < -1 ? -from[i] : 0;
	}
}

static NOINLINE int fib(int n)
{
	if (n < 2)
		return n;
	return n & 1 ? fib(n - 1) + fib(n - 2) : fib(n - 2) + fib(n - 1);
}

static void *run(void *arg)
{
	struct node list[4] = {{&list[1], 1}, {&list[2], 3}, {&list[3], 5}, {0, 7}};
	float to[64];
	float from[64];
	int p[16];
	volatile int sum = 0;
	int i;

	for (i = 0; i < 16; i++)
		p[i] = i % 5;
	for (i = 0; i < 64; i++)
		from[i] = (float)(i % 3) - 1.5F;
	scale(to, from, 64);
	for (i = 0; i < 300; i++) {
		sum += classify(i) + choose(i) + logic(i % 5, i % 7, i % 3) + loop(i % 40, p);
		sum += nested(i % 12) + calls(i % 20 - 10) + early(i % 5 - 1) + find(list, i % 9);
		sum += bits((unsigned)i) + jump(i % 60) + fib(i % 8) + (int)to[i & 63];
	}
	return arg;
}

int main(void)
{
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++)
		pthread_create(&threads[i], 0, run, 0);
	run(0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], 0);
	return 0;
}
