/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C++ names with spaces, parentheses, angle brackets, commas and slashes: templates, a lambda, an
 * anonymous namespace, operator() and operator/ as the racing functions.
 * machine: yes
 */
#include <pthread.h>
#include "order.h"

namespace
{
template <typename Key, typename Value> struct table {
	Key key;
	Value value;

	__attribute__((noinline)) table &operator/(const table<Key, Value *> &other)
	{
		*(volatile Value *)&value = *other.value;
		return *this;
	}
	__attribute__((noinline)) void operator()(Key k, void (*)(Value))
	{
		*(volatile Value *)&value = (Value)k;
	}
};
} // namespace

static table<unsigned long, int> shared;
static int number = 4;

static void *divides(void *arg)
{
	table<unsigned long, int *> by = {0, &number};

	shared / by;
	order_step();
	return arg;
}

int main()
{
	pthread_t t;

	pthread_create(&t, nullptr, divides, nullptr);
	auto later = [](int steps) {
		order_wait(steps);
		shared(3ul, nullptr);
	};
	later(1);
	pthread_join(t, nullptr);
	return 0;
}
