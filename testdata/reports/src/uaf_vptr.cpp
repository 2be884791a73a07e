/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual call on an object that another thread has deleted.
 * machine: yes
 */
#include <pthread.h>
#include "order.h"

struct base {
	virtual __attribute__((noinline)) int work()
	{
		return 0;
	}
	virtual ~base()
	{
	}
};

struct derived : base {
	int value = 1;
	virtual __attribute__((noinline)) int work()
	{
		return value;
	}
};

static base *object;

static void *deletes(void *arg)
{
	operator delete(object);
	order_step();
	return arg;
}

static __attribute__((noinline)) int calls(base *b)
{
	return b->work();
}

int main()
{
	pthread_t t;

	object = new derived;
	pthread_create(&t, nullptr, deletes, nullptr);
	order_wait(1);
	int seen = calls(object);
	pthread_join(t, nullptr);
	return seen & 0;
}
