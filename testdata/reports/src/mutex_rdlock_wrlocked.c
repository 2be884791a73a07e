/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex known by annotations is locked for writing, then for reading by its owner.
 */
void __tsan_mutex_create(void *addr, unsigned flags);
void __tsan_mutex_pre_lock(void *addr, unsigned flags);
void __tsan_mutex_post_lock(void *addr, unsigned flags, int recursion);

static int m;

static __attribute__((noinline)) void reads_too(void)
{
	__tsan_mutex_pre_lock(&m, 8 | 16);
	__tsan_mutex_post_lock(&m, 8 | 16, 0);
}

int main(void)
{
	__tsan_mutex_create(&m, 0);
	__tsan_mutex_pre_lock(&m, 0);
	__tsan_mutex_post_lock(&m, 0, 0);
	reads_too();
	return 0;
}
