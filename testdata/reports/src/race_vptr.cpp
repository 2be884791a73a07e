/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A destructor races with a virtual call: the vptr kind.
 * machine: yes
 */
#include <pthread.h>
#include "order.h"

struct base {
	virtual __attribute__((noinline)) void work()
	{
		order_step();
	}
	virtual __attribute__((noinline)) ~base()
	{
		order_wait(1);
	}
};

struct derived : base {
	virtual __attribute__((noinline)) void work()
	{
		order_step();
		order_step();
	}
	virtual ~derived()
	{
	}
};

static base *object;

static void *calls(void *arg)
{
	object->work();
	return arg;
}

int main()
{
	pthread_t t;

	object = new derived;
	pthread_create(&t, nullptr, calls, nullptr);
	order_wait(1);
	delete object;
	pthread_join(t, nullptr);
	return 0;
}
