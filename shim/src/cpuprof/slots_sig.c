/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots: who has one. */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <linux/signal.h>

#include <raceshim/sigsafe.h>

#include "core/files.h"
#include "slots.h"
#include "threads.h"

#define BY_TID    8192u
#define LOOKED_AT 256u /* threads */

static struct rshi_cpuprof *const s = &rshi_cpuprof_sig;

static uint32_t number_of(const struct rshi_slot *slot)
{
	return (uint32_t)(slot - s->slots);
}

static int is_of(const struct rshi_slot *slot, int tid)
{
	/* [H6] acquire, pairs with [H5]: the slot is as it was opened. */
	return __atomic_load_n(&slot->tid, __ATOMIC_ACQUIRE) == tid;
}

struct rshi_slot *rshi_slot_find_sig(int tid)
{
	uint32_t used = __atomic_load_n(&s->used, __ATOMIC_RELAXED);
	uint32_t hint = __atomic_load_n(&s->by_tid[(unsigned int)tid % BY_TID], __ATOMIC_RELAXED);

	if (hint < used && is_of(&s->slots[hint], tid))
		return &s->slots[hint];
	for (uint32_t i = 0; i < used; i++) {
		if (is_of(&s->slots[i], tid))
			return &s->slots[i];
	}
	return NULL;
}

/* With the lock, as all that follow. */
static struct rshi_slot *take_free(void)
{
	uint32_t i = s->free;

	if (i) {
		s->free = s->slots[i - 1].next;
		return &s->slots[i - 1];
	}
	i = __atomic_load_n(&s->used, __ATOMIC_RELAXED);
	if (i == RSHI_SLOTS)
		return NULL;
	__atomic_store_n(&s->used, i + 1, __ATOMIC_RELAXED);
	return &s->slots[i];
}

static void give_back(struct rshi_slot *slot)
{
	slot->state = RSHI_SLOT_FREE;
	__atomic_store_n(&slot->tid, 0, __ATOMIC_RELAXED);
	slot->next = s->free;
	s->free = number_of(slot) + 1;
}

static void arm(struct rshi_slot *slot, int tid)
{
	int err = s->clock->arm_sig(&slot->timing, tid, s->period, number_of(slot));

	if (err && err != ESRCH && s->fallback) {
		s->clock_error = err;
		err = s->fallback->arm_sig(&slot->timing, tid, s->period, number_of(slot));
		s->fell_back += !err;
	}
	if (err && err != ESRCH) {
		s->clock_error = err;
		s->unsampled++;
	}
}

/* Nobody is in the handler for this slot: it is the calling thread's, or its thread is gone. */
static void close_slot(struct rshi_slot *slot)
{
	if (slot->timing.clock)
		slot->timing.clock->disarm_sig(&slot->timing);
	__atomic_store_n(&slot->is_open, 0, __ATOMIC_RELAXED);
	if (slot->ring)
		rshi_pool_release_sig(slot->ring);
	slot->ring = NULL;
	slot->state = RSHI_SLOT_ENDED;
	slot->listless = 0;
	s->threads--;
}

static void open_slot(struct rshi_slot *slot, int tid)
{
	slot->state = RSHI_SLOT_LIVE;
	slot->seen = s->listing;
	slot->name[0] = '\0';
	slot->thread = 0;
	slot->ring = NULL;
	__atomic_store_n(&slot->is_open, 1, __ATOMIC_RELAXED);
	/* [H5] release, pairs with [H6]: to the thread's handler. The clock comes later. */
	__atomic_store_n(&slot->tid, tid, __ATOMIC_RELEASE);
	__atomic_store_n(&s->by_tid[(unsigned int)tid % BY_TID], (uint16_t)number_of(slot),
	                 __ATOMIC_RELAXED);
	s->threads++;
	arm(slot, tid);
}

struct rshi_slot *rshi_slot_reserve_sig(void)
{
	struct rshi_slot *slot = NULL;

	/*
	 * A detector's own handler of forks makes a thread in the child while the locks are still held,
	 * and nobody is there to release them but who made it. Others' are found in the listing.
	 */
	if (!__atomic_load_n(&s->on, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&s->forks, __ATOMIC_RELAXED))
		return NULL;
	/*
	 * In a forked child a detector may start a thread before our turn comes to set things right;
	 * until then the lock is held by a thread of the parent.
	 */
	if (s->pid != rshi_getpid_sig())
		return NULL;
	rshi_lock(&s->lock);
	if (__atomic_load_n(&s->on, __ATOMIC_RELAXED)) {
		slot = take_free();
		if (slot)
			slot->state = RSHI_SLOT_STARTING;
		else
			s->unsampled++;
	}
	rshi_unlock(&s->lock);
	return slot;
}

void rshi_slot_cancel_sig(struct rshi_slot *slot)
{
	rshi_lock(&s->lock);
	give_back(slot);
	rshi_unlock(&s->lock);
}

void rshi_slot_enter_sig(struct rshi_slot *slot)
{
	int tid = rshi_gettid_sig();
	struct rshi_slot *other;

	rshi_lock(&s->lock);
	/* Found in the listing before it came here; or left by a thread that had its id. */
	other = rshi_slot_find_sig(tid);
	if (other) {
		if (other->state == RSHI_SLOT_LIVE)
			close_slot(other);
		give_back(other);
	}
	if (__atomic_load_n(&s->on, __ATOMIC_RELAXED))
		open_slot(slot, tid);
	else
		give_back(slot);
	rshi_unlock(&s->lock);
}

void rshi_slot_leave_sig(void)
{
	struct rshi_slot *slot;

	rshi_lock(&s->lock);
	slot = rshi_slot_find_sig(rshi_gettid_sig());
	if (slot && slot->state == RSHI_SLOT_LIVE) {
		/* While there is a thread to ask for its name. */
		rshi_call_sig(__NR_prctl, PR_GET_NAME, (long)slot->name, 0, 0, 0);
		close_slot(slot);
	}
	rshi_unlock(&s->lock);
}

/* Found in the listing. */
static void see(int tid)
{
	struct rshi_slot *slot;

	if (tid == s->self)
		return;
	slot = rshi_slot_find_sig(tid);
	if (!slot) {
		slot = take_free();
		if (!slot) {
			s->unsampled++;
			return;
		}
		open_slot(slot, tid);
	} else if (slot->state == RSHI_SLOT_LIVE &&
	           !(slot->timing.clock && slot->timing.clock->is_armed_sig(&slot->timing))) {
		if (slot->timing.clock)
			slot->timing.clock->disarm_sig(&slot->timing);
		arm(slot, tid);
	}
	slot->seen = s->listing;
}

/*
 * Not in the listing, which began when the thread was there already. What it has left is read under
 * its name before the slot becomes another thread's.
 */
static void miss(struct rshi_slot *slot)
{
	if (slot->state == RSHI_SLOT_LIVE)
		close_slot(slot);
	if (slot->listless)
		give_back(slot);
	else
		slot->listless = s->listing;
}

int rshi_slots_scan_sig(void)
{
	uint32_t used;
	int err;

	rshi_lock(&s->lock);
	if (!__atomic_load_n(&s->on, __ATOMIC_RELAXED)) {
		rshi_unlock(&s->lock);
		return 0;
	}
	s->listing++;
	s->unsampled = 0;
	err = rshi_threads_list_sig(see);
	used = __atomic_load_n(&s->used, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < used && !err; i++) {
		struct rshi_slot *slot = &s->slots[i];

		if (slot->state >= RSHI_SLOT_LIVE && slot->seen != s->listing)
			miss(slot);
	}
	rshi_unlock(&s->lock);
	return err;
}

void rshi_slot_name_sig(int tid, char *name)
{
	struct rshi_slot *slot;

	rshi_lock(&s->lock);
	slot = rshi_slot_find_sig(tid);
	if (slot && slot->state == RSHI_SLOT_LIVE)
		rshi_threads_name_sig(tid, slot->name);
	name[0] = '\0';
	if (slot)
		rsh_memcpy_sig(name, slot->name, RSHI_NAME);
	rshi_unlock(&s->lock);
}

int rshi_slots_begin_sig(void)
{
	void *slots, *by_fd, *by_tid;
	int err;

	if (s->slots)
		return 0;
	err = rshi_mmap_sig(RSHI_SLOTS * sizeof(*s->slots), &slots);
	if (err)
		return err;
	err = rshi_mmap_sig(RSHI_FDS * sizeof(*s->by_fd), &by_fd);
	if (!err) {
		err = rshi_mmap_sig(BY_TID * sizeof(*s->by_tid), &by_tid);
		if (err)
			rshi_munmap_sig(by_fd, RSHI_FDS * sizeof(*s->by_fd));
	}
	if (err) {
		rshi_munmap_sig(slots, RSHI_SLOTS * sizeof(*s->slots));
		return err;
	}
	s->by_fd = by_fd;
	s->by_tid = by_tid;
	s->slots = slots;
	return 0;
}

void rshi_slots_end_sig(void)
{
	uint32_t used;

	rshi_lock(&s->lock);
	used = __atomic_load_n(&s->used, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < used; i++) {
		struct rshi_slot *slot = &s->slots[i];

		if (slot->state == RSHI_SLOT_LIVE)
			close_slot(slot);
		if (slot->state == RSHI_SLOT_ENDED)
			give_back(slot);
	}
	rshi_unlock(&s->lock);
}

void rshi_slots_forked_sig(void)
{
	uint32_t used = __atomic_load_n(&s->used, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < used; i++) {
		struct rshi_slot *slot = &s->slots[i];

		/* Descriptors are inherited, timers are not. */
		if (slot->timing.clock && slot->timing.clock->is_descriptor)
			slot->timing.clock->disarm_sig(&slot->timing);
		slot->timing.clock = NULL;
		slot->state = RSHI_SLOT_FREE;
		slot->ring = NULL;
		__atomic_store_n(&slot->inside, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->tid, 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&s->inside, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->used, 0, __ATOMIC_RELAXED);
	s->free = 0;
	s->threads = 0;
	s->fds = 0;
}

uint32_t rshi_slots_blocked_sig(void)
{
	uint32_t used = __atomic_load_n(&s->used, __ATOMIC_RELAXED), n = 0, looked = 0;

	rshi_lock(&s->lock);
	for (uint32_t i = 0; i < used && looked < LOOKED_AT; i++) {
		struct rshi_slot *slot = &s->slots[i];

		if (slot->state != RSHI_SLOT_LIVE)
			continue;
		looked++;
		n += (uint32_t)rshi_threads_blocks_sig(
		        __atomic_load_n(&slot->tid, __ATOMIC_RELAXED));
	}
	rshi_unlock(&s->lock);
	return n;
}
