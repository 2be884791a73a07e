/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions: the C++ runtime walks the same tables as the profiler, and changes the stack. */

#include "throwing.h"

namespace
{

/* Unwound on the way, in cleanups that each take a while. */
class Counted
{
      public:
	explicit Counted(volatile int *alive) : alive_(alive)
	{
		*alive_ = *alive_ + 1;
	}
	~Counted()
	{
		for (int i = 0; i < 20; i++)
			pause_ = i;
		*alive_ = *alive_ - 1;
	}
	Counted(const Counted &) = delete;
	Counted &operator=(const Counted &) = delete;

      private:
	volatile int *alive_;
	volatile int pause_ = 0;
};

__attribute__((noinline)) int descend(int depth, volatile int *alive)
{
	Counted counted(alive);

	if (depth == 0)
		throw 4711;
	return descend(depth - 1, alive) + 1;
}

/* Caught in the middle, and thrown on. */
__attribute__((noinline)) int descend_twice(int depth, volatile int *alive)
{
	try {
		return descend(depth, alive);
	} catch (int) {
		Counted counted(alive);

		throw;
	}
}

} // namespace

extern "C" int throw_and_catch(int depth)
{
	volatile int alive = 0;

	try {
		return descend_twice(depth, &alive) + 1;
	} catch (int thrown) {
		return thrown == 4711 && alive == 0 ? 0 : 1;
	}
}
