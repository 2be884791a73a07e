/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader's side of a pool. */

#include <errno.h>
#include <sys/mman.h>

#include <raceshim/sigsafe.h>

#include "pool.h"

#define LARGEST_ERRNO 4095

typedef int emit_function(void *arg, int tid, const uint64_t *records, size_t n);

/* Put a ring among the free ones. */
static void push(struct rshi_pool *pool, struct rshi_pool_ring *ring)
{
	uint64_t first = __atomic_load_n(&pool->free, __ATOMIC_RELAXED), self;

	do {
		__atomic_store_n(&ring->next, (uint32_t)first, __ATOMIC_RELAXED);
		self = ((first >> 32) + 1) << 32 | (uint64_t)(ring - pool->rings + 1);
		/* [P2] release, pairs with [P1]: the ring is empty and open. */
	} while (!__atomic_compare_exchange_n(&pool->free, &first, self, 0, __ATOMIC_RELEASE,
	                                      __ATOMIC_RELAXED));
}

int rshi_pool_create(size_t n, size_t size, size_t header, struct rshi_pool **result)
{
	size_t rings = sizeof(struct rshi_pool) + n * sizeof(struct rshi_pool_ring);
	struct rshi_pool *pool;
	uint64_t *words;
	size_t bytes;
	int err;

	if (!n || n > UINT16_MAX || size > UINT32_MAX / 2)
		return EINVAL;
	bytes = rings + n * size * sizeof(*words);
	pool = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* Not only MAP_FAILED: MSan's mmap returns the kernel's error as an address. */
	if ((uintptr_t)pool > UINTPTR_MAX - LARGEST_ERRNO)
		return ENOMEM;
	pool->n = (uint32_t)n;
	pool->header = (uint32_t)header;
	pool->bytes = bytes;
	words = (uint64_t *)((char *)pool + rings);
	for (size_t i = n; i-- > 0;) {
		err = rshi_ring_init(&pool->rings[i].ring, words + i * size, size, header,
		                     &pool->bell);
		if (err) {
			munmap(pool, bytes);
			return err;
		}
		push(pool, &pool->rings[i]);
	}
	*result = pool;
	return 0;
}

void rshi_pool_destroy(struct rshi_pool *pool)
{
	munmap(pool, pool->bytes);
}

/* The one door. */
static int deliver(struct rshi_pool *pool, int tid, const uint64_t *records, size_t n,
                   emit_function *emit, void *arg)
{
	for (size_t i = 0; i < n; i += rshi_record_length(&records[i])) {
		uint32_t kind = rshi_record_kind(&records[i]);

		if (kind == RSHI_SAMPLE)
			pool->delivered++;
		else
			pool->reported[kind - RSHI_LOST] += records[i + 2 + pool->header];
	}
	return emit(arg, tid, records, n);
}

static int read_ring(struct rshi_pool *pool, struct rshi_pool_ring *ring, emit_function *emit,
                     void *arg)
{
	int err, stop;
	const uint64_t *records;
	size_t n;

	while (!(err = rshi_ring_read(&ring->ring, &records, &n))) {
		/* Not older than the records, which its owner has written after it. */
		stop = deliver(pool, __atomic_load_n(&ring->owner, __ATOMIC_RELAXED), records, n,
		               emit, arg);
		if (stop)
			return stop;
	}
	if (err == ENODATA) {
		__atomic_store_n(&ring->ring.closed, 0, __ATOMIC_RELAXED);
		push(pool, ring);
	}
	return 0;
}

/* Copied first, since whoever comes while the buffer is taken loses the sample. */
static int read_extra(struct rshi_pool *pool, emit_function *emit, void *arg)
{
	struct rshi_extra *extra = &pool->extra;
	size_t n;

	/* [X3] acquire, pairs with [X2] and [X4]; if it is taken, there is a next time. */
	if (__atomic_exchange_n(&extra->taken, 1, __ATOMIC_ACQUIRE))
		return 0;
	n = __atomic_load_n(&extra->n, __ATOMIC_RELAXED);
	rsh_memcpy_sig(pool->buffer, extra->words, n * sizeof(*pool->buffer));
	__atomic_store_n(&extra->n, 0, __ATOMIC_RELAXED);
	/* [X4] release, pairs with [X1] and [X3]: the buffer is empty. */
	__atomic_store_n(&extra->taken, 0, __ATOMIC_RELEASE);
	return n ? deliver(pool, 0, pool->buffer, n, emit, arg) : 0;
}

/* Each count is taken exactly once, whatever handlers add meanwhile. */
static int read_losses(struct rshi_pool *pool, emit_function *emit, void *arg)
{
	uint64_t record[3 + RSHI_HEADER_MAX];
	size_t length = 3 + (size_t)pool->header;
	int stop = 0;

	for (size_t i = 0; i < length; i++)
		*(volatile uint64_t *)&record[i] = 0;
	for (uint32_t why = 0; why < RSHI_LOST_CLASSES && !stop; why++) {
		uint64_t count = __atomic_exchange_n(&pool->lost[why], 0, __ATOMIC_RELAXED);

		if (!count)
			continue;
		record[0] = rshi_record_word(RSHI_LOST + why, length);
		record[length - 1] = count;
		stop = deliver(pool, 0, record, length, emit, arg);
	}
	return stop;
}

int rshi_pool_read(struct rshi_pool *pool, emit_function *emit, void *arg)
{
	int stop = 0;

	for (uint32_t i = 0; i < pool->n && !stop; i++)
		stop = read_ring(pool, &pool->rings[i], emit, arg);
	if (!stop)
		stop = read_extra(pool, emit, arg);
	return stop ? stop : read_losses(pool, emit, arg);
}

static int is_due(void *arg)
{
	struct rshi_pool *pool = arg;

	for (uint32_t i = 0; i < pool->n; i++) {
		if (rshi_ring_is_due(&pool->rings[i].ring))
			return 1;
	}
	return __atomic_load_n(&pool->extra.n, __ATOMIC_RELAXED) >= RSHI_EXTRA_WORDS / 2 ||
	       __atomic_load_n(&pool->called, __ATOMIC_RELAXED);
}

int rshi_pool_wait(struct rshi_pool *pool, uint64_t timeout)
{
	int err = rshi_bell_wait(&pool->bell, is_due, pool, timeout);

	/* [P4] acquire, pairs with [P3]: what the call is about is looked at after this. */
	__atomic_exchange_n(&pool->called, 0, __ATOMIC_ACQUIRE);
	return err;
}

void rshi_pool_account(struct rshi_pool *pool, struct rshi_pool_account *account)
{
	account->accepted = __atomic_load_n(&pool->accepted, __ATOMIC_RELAXED);
	account->delivered = pool->delivered;
	for (uint32_t i = 0; i < pool->n; i++)
		account->accepted += __atomic_load_n(&pool->rings[i].accepted, __ATOMIC_RELAXED);
	for (int why = 0; why < RSHI_LOST_CLASSES; why++)
		account->lost[why] = pool->reported[why];
}
