/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex known by annotations is locked for writing, then released as if it was for reading.
 */
void __tsan_mutex_create(void *addr, unsigned flags);
void __tsan_mutex_pre_lock(void *addr, unsigned flags);
void __tsan_mutex_post_lock(void *addr, unsigned flags, int recursion);
int __tsan_mutex_pre_unlock(void *addr, unsigned flags);
void __tsan_mutex_post_unlock(void *addr, unsigned flags);

static int m;

static __attribute__((noinline)) void drops_read_side(void)
{
	__tsan_mutex_pre_unlock(&m, 8);
	__tsan_mutex_post_unlock(&m, 8);
}

int main(void)
{
	__tsan_mutex_create(&m, 0);
	__tsan_mutex_pre_lock(&m, 0);
	__tsan_mutex_post_lock(&m, 0, 0);
	drops_read_side();
	return 0;
}
