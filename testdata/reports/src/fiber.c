/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two fibers of one thread race; switches do not synchronise.
 * machine: yes
 */
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_set_fiber_name(void *fiber, const char *name);

static volatile int shared;

static __attribute__((noinline)) void step_of_fiber(void)
{
	shared = 1;
}

static __attribute__((noinline)) void step_of_main(void)
{
	shared = 2;
}

int main(void)
{
	void *home = __tsan_get_current_fiber();
	void *fiber = __tsan_create_fiber(0);

	__tsan_set_fiber_name(fiber, "worker fiber");
	__tsan_switch_to_fiber(fiber, 1);
	step_of_fiber();
	__tsan_switch_to_fiber(home, 1);
	step_of_main();
	__tsan_destroy_fiber(fiber);
	return 0;
}
