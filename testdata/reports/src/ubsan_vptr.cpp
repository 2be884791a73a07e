/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual call on an object of another type: the line has two notes with a picture of the bytes.
 * detector: ubsan
 */
#include <new>

struct base {
	virtual ~base()
	{
	}
	virtual int work()
	{
		return 1;
	}
};

struct other {
	virtual ~other()
	{
	}
	virtual int work()
	{
		return 2;
	}
};

static __attribute__((noinline)) int calls(base *b)
{
	return b->work();
}

int main()
{
	alignas(16) static char room[64];
	other *o = new (room) other;

	return calls((base *)(void *)o) & 0;
}
