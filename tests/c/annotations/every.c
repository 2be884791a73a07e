/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every public annotation, among ordinary code that an optimiser likes to work on. Compiled with
 * -DWITHOUT the annotations are not there at all; without a detector both must give the same
 * instruction bytes. A(...) is a statement, V(..., value) an expression that has @value elsewhere.
 */
#include <raceshim/annotate.h>

#include <stdlib.h>
#include <string.h>

#if defined(WITHOUT)
#define A(annotation)        (void)0
#define V(annotation, value) (value)
#else
#define A(annotation)        annotation
#define V(annotation, value) (annotation)
#endif

#if defined(WITHOUT)
size_t rsh_race_errors(void)
{
	return 0;
}
#else
RSH_DEFINE_RACE_ERRORS
#endif

struct node {
	struct node *next;
	unsigned long key;
	char text[40];
};

struct lock {
	int state;
	int waiters;
};

void *switch_stack(void *to);
void *sum_table(const unsigned *table, size_t n, unsigned *total);
int lock_take(struct lock *lock, int wait);
void lock_share(struct lock *lock);
int lock_try_share(struct lock *lock);
void lock_unshare(struct lock *lock);
void lock_give(struct lock *lock);
void lock_init(struct lock *lock, int recursive);
void lock_fini(struct lock *lock);
void cond_wait(int *cond, struct lock *lock);
void cond_wake(int *cond);
int once(int *done, int (*init)(void));
struct node *pool_get(struct node **pool);
void pool_put(struct node **pool, struct node *node);
size_t copy_out(struct node *to, const struct node *from, size_t n);
unsigned long statistics(unsigned long *counter);
void *fiber_run(const char *name, void *other);
size_t ring_move(char *ring, size_t size, size_t at);
int enabled(void);

/* Locals whose address an annotation takes: they must still live in registers. */
void *sum_table(const unsigned *table, size_t n, unsigned *total)
{
	unsigned sum = 0;
	size_t i;

	A(RSH_RACE_READ_RANGE(table, n * sizeof(*table)));
	A(RSH_RACE_WRITE(&sum, sizeof(sum)));
	for (i = 0; i < n; i++) {
		A(RSH_RACE_READ(&table[i], 4));
		A(RSH_MEM_READ(&table[i], sizeof(table[i])));
		sum += table[i] * 3;
		A(RSH_RACE_WRITE_OBJECT(&sum));
		A(RSH_MEM_WRITE(&sum, sizeof(sum)));
	}
	A(RSH_RACE_WRITE_RANGE(total, sizeof(*total)));
	A(RSH_RACE_READ_OBJECT(&i));
	*total = sum;
	return V(RSH_RACE_FIBER_CURRENT(), NULL);
}

int lock_take(struct lock *lock, int wait)
{
	int expected = 0, taken;

	if (!wait) {
		A(RSH_RACE_MUTEX_BEFORE_TRYLOCK(lock));
		taken = __atomic_compare_exchange_n(&lock->state, &expected, 1, 0, __ATOMIC_ACQUIRE,
		                                    __ATOMIC_RELAXED);
		A(RSH_RACE_MUTEX_AFTER_TRYLOCK(lock, taken));
		return taken;
	}
	A(RSH_RACE_MUTEX_BEFORE_LOCK(lock));
	while (!__atomic_compare_exchange_n(&lock->state, &expected, 1, 0, __ATOMIC_ACQUIRE,
	                                    __ATOMIC_RELAXED)) {
		A(RSH_RACE_MUTEX_BEFORE_CALLBACK(lock));
		switch_stack(&expected);
		A(RSH_RACE_MUTEX_AFTER_CALLBACK(lock));
		expected = 0;
	}
	A(RSH_RACE_MUTEX_AFTER_LOCK(lock));
	return 1;
}

void lock_share(struct lock *lock)
{
	A(RSH_RACE_MUTEX_BEFORE_RDLOCK(lock));
	__atomic_fetch_add(&lock->state, 2, __ATOMIC_ACQUIRE);
	A(RSH_RACE_MUTEX_AFTER_RDLOCK(lock));
}

int lock_try_share(struct lock *lock)
{
	int old;

	A(RSH_RACE_MUTEX_BEFORE_TRYRDLOCK(lock));
	old = __atomic_fetch_add(&lock->state, 2, __ATOMIC_ACQUIRE);
	A(RSH_RACE_MUTEX_AFTER_TRYRDLOCK(lock, (old & 1) == 0));
	return (old & 1) == 0;
}

void lock_unshare(struct lock *lock)
{
	A(RSH_RACE_MUTEX_BEFORE_RDUNLOCK(lock));
	__atomic_fetch_sub(&lock->state, 2, __ATOMIC_RELEASE);
	A(RSH_RACE_MUTEX_AFTER_RDUNLOCK(lock));
}

void lock_give(struct lock *lock)
{
	A(RSH_RACE_MUTEX_BEFORE_UNLOCK(lock));
	__atomic_store_n(&lock->state, 0, __ATOMIC_RELEASE);
	A(RSH_RACE_MUTEX_AFTER_UNLOCK(lock));
}

void lock_init(struct lock *lock, int recursive)
{
	lock->state = 0;
	lock->waiters = 0;
	if (recursive)
		A(RSH_RACE_MUTEX_CREATE_RECURSIVE(lock));
	else
		A(RSH_RACE_MUTEX_CREATE(lock));
}

void lock_fini(struct lock *lock)
{
	A(RSH_RACE_MUTEX_DESTROY(lock));
	lock->state = -1;
}

void cond_wait(int *cond, struct lock *lock)
{
	int seen = __atomic_load_n(cond, __ATOMIC_RELAXED);

	A(RSH_RACE_COND_BEFORE_WAIT(cond, lock));
	lock->state = 0;
	while (__atomic_load_n(cond, __ATOMIC_RELAXED) == seen)
		switch_stack(NULL);
	lock->state = 1;
	A(RSH_RACE_COND_AFTER_WAIT(cond, lock));
}

void cond_wake(int *cond)
{
	A(RSH_RACE_COND_BEFORE_SIGNAL(cond));
	__atomic_fetch_add(cond, 1, __ATOMIC_RELAXED);
	A(RSH_RACE_COND_AFTER_SIGNAL(cond));
}

int once(int *done, int (*init)(void))
{
	if (__atomic_load_n(done, __ATOMIC_RELAXED)) {
		A(RSH_RACE_ONCE_SEEN(done));
		return 0;
	}
	if (init() != 0)
		return -1;
	A(RSH_RACE_ONCE_DONE(done));
	__atomic_store_n(done, 1, __ATOMIC_RELAXED);
	return 1;
}

struct node *pool_get(struct node **pool)
{
	struct node *node = *pool;

	A(RSH_RACE_ACQUIRE(pool));
	if (node == NULL)
		return (struct node *)calloc(1, sizeof(*node));
	*pool = node->next;
	A(RSH_RACE_NEW_MEMORY(node, sizeof(*node)));
	A(RSH_MEM_MALLOC(node, sizeof(*node)));
	node->next = NULL;
	A(RSH_RACE_RELEASE_ACQUIRE(pool));
	return node;
}

void pool_put(struct node **pool, struct node *node)
{
	A(RSH_MEM_UNPOISON(&node->next, sizeof(node->next)));
	node->next = *pool;
	A(RSH_RACE_FREE_MEMORY(node, sizeof(*node)));
	A(RSH_MEM_FREE(node, sizeof(*node)));
	A(RSH_MEM_POISON(node->text, sizeof(node->text)));
	*pool = node;
	A(RSH_RACE_RELEASE(pool));
}

/* The pc forms, as an uninstrumented library's function uses them. */
size_t copy_out(struct node *to, const struct node *from, size_t n)
{
	size_t i;

	A(RSH_RACE_WRITE_RANGE_PC(to, n * sizeof(*to), __builtin_return_address(0), copy_out));
	A(RSH_RACE_READ_RANGE_PC(from, n * sizeof(*from), __builtin_return_address(0), copy_out));
	A(RSH_MEM_READ_PC(from, n * sizeof(*from), __builtin_return_address(0)));
	A(RSH_MEM_WRITE_PC(to, n * sizeof(*to), __builtin_return_address(0)));
	for (i = 0; i < n; i++) {
		A(RSH_RACE_WRITE_OBJECT_PC(&to[i], NULL, copy_out));
		A(RSH_RACE_READ_OBJECT_PC(&from[i], NULL, copy_out));
		A(RSH_RACE_WRITE_PC(&to[i].key, 8, __builtin_return_address(0), copy_out));
		A(RSH_RACE_READ_PC(&from[i].key, 8, __builtin_return_address(0), copy_out));
		to[i] = from[i];
	}
	return n;
}

unsigned long statistics(unsigned long *counter)
{
	unsigned long value;

	A(RSH_RACE_BENIGN(counter, sizeof(*counter), "an approximate statistic"));
	A(RSH_RACE_IGNORE_READS_BEGIN());
	value = *counter;
	A(RSH_RACE_IGNORE_READS_END());
	A(RSH_RACE_IGNORE_WRITES_BEGIN());
	*counter = value + 1;
	A(RSH_RACE_IGNORE_WRITES_END());
	A(RSH_RACE_IGNORE_SYNC_BEGIN());
	value += __atomic_load_n(counter + 1, __ATOMIC_ACQUIRE);
	A(RSH_RACE_IGNORE_SYNC_END());
	A(RSH_RACE_HAPPENS_BEFORE(counter));
	A(RSH_RACE_HAPPENS_AFTER(counter));
	return value + V(rsh_race_errors(), (rsh_race_errors)());
}

void *fiber_run(const char *name, void *other)
{
	void *fiber = V(RSH_RACE_FIBER_CREATE(0), NULL);
	void *tag = V(RSH_RACE_TAG_REGISTER("stack"), NULL);
	void *back;

	(void)name, (void)fiber, (void)tag; /* nothing else uses them in a build without */
	A(RSH_RACE_THREAD_NAME(name));
	A(RSH_RACE_FIBER_NAME(fiber, name));
	A(RSH_RACE_TAG_HEADER(tag, "two fibers on one stack"));
	A(RSH_RACE_TAG_ASSIGN(other, tag));
	A(RSH_RACE_TAG_READ(other, tag));
	A(RSH_RACE_FIBER_SWITCH(fiber, 1));
	back = switch_stack(other);
	A(RSH_RACE_TAG_WRITE(other, tag));
	A(RSH_RACE_FIBER_DESTROY(fiber));
	return back;
}

size_t ring_move(char *ring, size_t size, size_t at)
{
	char kept[16];

	memcpy(kept, ring + at, sizeof(kept));
	A(RSH_MEM_MOVE(kept, ring + at, sizeof(kept)));
	memmove(ring, ring + at, size - at);
	A(RSH_MEM_MOVE(ring, ring + at, size - at));
	if (V(RSH_MEM_CHECK(kept, sizeof(kept)), -1) >= 0)
		abort();
	return (size_t)kept[0] + (size_t)kept[15];
}

int enabled(void)
{
	return V(RSH_RACE_ENABLED, 0) * 2 + V(RSH_MEM_ENABLED, 0);
}
