/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may go on. All that threads share is on a page that the kernel wipes in a child of fork(),
 * where the other threads do not exist: whoever finds it empty begins anew.
 */

#include "turns.h"

#include <asm-generic/errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <stddef.h>

#include "system.h"

/* So many threads take turns; others go on as they like. */
#define PLACES          200u
/* Who waits for the turn looks so often whether the one that has it sleeps, and ever less often. */
#define PATIENCE_US     200u
#define MOST_PATIENT_US 4000u
/* One that has computed for so long without an event loses the turn as well. */
#define COMPUTES_NS     2000000u
/* So does one of which nothing is heard so many times, where the kernel does not tell. */
#define UNHEARD         50u
/* Who has waited so often gets the turn, whatever the priorities are. */
#define ENOUGH          32u
/* A thread with so many events in a turn is likely to wait for another one in a loop. */
#define LONGEST_TURN    3000u
/* A thread that is made gets so long to come: its maker gives way so often. */
#define STEPS_TO_COME   4000u
/* Of a turn: somebody waits for a sign of life. */
#define ASKED           0x80000000u
/* A thread loses its priority at so many of its events, at most. */
#define CHANGES         3u
/* Who has been woken gets so many chances to come before it is decided who goes on. */
#define STEPS_TO_WAKE   2u
#define HIGHEST         0x40000000u
#define MIDDLE          0x10000000u

enum state { FREE, AWAY, READY, RUNS };

struct place {
	uint32_t state;
	uint32_t priority;
	uint32_t call; /* futex: 1 when it is this thread's turn */
	uint32_t id;   /* the kernel's, of the thread */
};

static struct page {
	uint32_t lock;    /* atomic; the rest but for `call` is under it */
	uint32_t alive;   /* 0: wiped */
	uint32_t used;    /* places that were ever taken */
	uint32_t holder;  /* place + 1 */
	uint32_t made;    /* threads that have begun to make others */
	uint32_t coming;  /* threads made that have not come yet */
	uint32_t lowest;  /* the next priority below all */
	uint32_t signs;   /* of life */
	uint32_t boosted; /* the next priority above all */
	struct place places[PLACES];
} *page; /* immutable after rshi_turns_init */

/* How the run's seed says that priorities change. */
static struct {
	bool makers;     /* a thread that makes others comes first, so that all of them are there */
	bool walk;       /* at chance, again and again; otherwise a few times, to the lowest */
	bool touches;    /* plain accesses count as events */
	uint32_t span;   /* changes are within so many (2^n) events, or so far apart */
	uint32_t breaks; /* one of so many times behind what synchronises; 0: never */
	uint32_t
	        most; /* of a thread's changes; without any, the order of threads is all there is */
} style;

__thread struct rshi_mine rshi_mine;
uint32_t rshi_turn;

static __thread struct {
	uint64_t chance;
	uint32_t place; /* + 1 */
	uint32_t priority;
	uint32_t events;  /* until the priority changes; 0: never again */
	uint32_t changes; /* that there were */
	uint32_t in_turn; /* events of this turn */
	uint32_t left;    /* what rshi_mine was given */
	uint32_t meets;
	bool begun;
	bool met; /* its last event may have woken others, or itself */
} me __attribute__((tls_model("initial-exec")));

/* What somebody who waits has seen of the one whose turn it is. */
struct watch {
	uint32_t signs;
	uint32_t used;
	uint32_t times;
};

static uint64_t draw(void)
{
	me.chance = rshi_mix(me.chance);
	return me.chance;
}

static void enter(void)
{
	uint32_t no = 0;

	/* [PT1] acquire, pairs with [PT2]: what the last one under the lock has written. */
	while (!__atomic_compare_exchange_n(&page->lock, &no, 1, 0, __ATOMIC_ACQUIRE,
	                                    __ATOMIC_RELAXED)) {
		no = 0;
		rshi_give_way(1);
	}
}

static void leave(void)
{
	/* [PT2] release, pairs with [PT1]: what we have written under the lock. */
	__atomic_store_n(&page->lock, 0, __ATOMIC_RELEASE);
}

static void set_turn(uint32_t turn)
{
	__atomic_store_n(&rshi_turn, turn, __ATOMIC_RELAXED); /* a hint: the page has the truth */
}

/* Give the turn to the best of those that wait for it; nobody has it if nobody does. */
static void pass_on_locked(void)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < page->used; i++)
		if (page->places[i].state == READY &&
		    (!best || page->places[i].priority > page->places[best - 1].priority))
			best = i + 1;
	page->holder = best;
	set_turn(best);
	if (!best)
		return;
	page->places[best - 1].state = RUNS;
	/* [PT3] release, pairs with [PT4]: the turn is the other's. */
	__atomic_store_n(&page->places[best - 1].call, 1, __ATOMIC_RELEASE);
	if (best != me.place)
		(void)rshi_syscall(__NR_futex, (long)&page->places[best - 1].call,
		                   FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

/* Return whether the time was over before the turn came. */
static bool wait_for_turn(struct place *place, uint32_t microseconds)
{
	const struct __kernel_timespec limit = {.tv_nsec = (long long)microseconds * 1000};

	/* [PT4] acquire, pairs with [PT3]: the turn is ours. */
	if (__atomic_load_n(&place->call, __ATOMIC_ACQUIRE))
		return false;
	(void)rshi_syscall(__NR_futex, (long)&place->call, FUTEX_WAIT_PRIVATE, 0, (long)&limit, 0,
	                   0);
	/* [PT4] acquire, pairs with [PT3]. */
	return !__atomic_load_n(&place->call, __ATOMIC_ACQUIRE);
}

static void choose_distance(void)
{
	const uint64_t word = draw();

	if (style.walk)
		me.events = 1 + (uint32_t)(word >> 8 & ((1u << style.span) - 1));
	else if (me.changes < style.most) /* as likely among the next two as the next four, ... */
		me.events = 1 + (uint32_t)(word >> 8 & ((1u << (word % (style.span + 1))) - 1));
	else
		me.events = 0;
}

/* Grant accesses until the next change: those that are no events count for the turn's length. */
static void grant(void)
{
	const uint32_t most = me.events && me.events < LONGEST_TURN ? me.events : LONGEST_TURN;

	me.meets = most;
	me.left = style.touches ? most : LONGEST_TURN;
	if (me.met) /* behind what synchronises the next access is an event, whatever the style */
		me.meets = me.left = 1;
	rshi_mine.meets = me.meets;
	rshi_mine.left = me.left;
}

static void change_priority_locked(void)
{
	if (style.walk) {
		me.priority = MIDDLE + (uint32_t)(draw() % MIDDLE);
	} else {
		me.changes++;
		me.priority = page->lowest--;
	}
	choose_distance();
}

/* Return whether this thread has a place; it takes one if it can. */
static bool take_place_locked(void)
{
	if (!page->alive) {
		page->alive = 1;
		page->lowest = MIDDLE - 1;
		page->boosted = HIGHEST;
		me.place = 0;
		set_turn(0);
	}
	if (!me.begun)
		rshi_turns_begin(rshi_mix((uint64_t)(uintptr_t)&me));
	if (me.place && page->places[me.place - 1].state != FREE)
		return true;
	me.place = 0;
	for (uint32_t i = 0; i < PLACES; i++)
		if (page->places[i].state == FREE) {
			me.place = i + 1;
			rshi_mine.turn = me.place;
			page->places[i].id = (uint32_t)rshi_syscall(__NR_gettid, 0, 0, 0, 0, 0, 0);
			if (page->used < me.place)
				page->used = me.place;
			return true;
		}
	return false;
}

/* Count this event and the accesses since the last one: at some of them the priority changes. */
static void count_locked(enum rshi_event event, bool met)
{
	const uint32_t touches = me.left - rshi_mine.left, meets = me.meets - rshi_mine.meets;
	uint32_t events = meets + (style.touches ? touches : 0);

	if (event != RSHI_TOUCHES && event != RSHI_MEETS)
		events++;
	me.in_turn += touches + meets + 1;
	if (event == RSHI_RESTS || me.in_turn > LONGEST_TURN) {
		me.priority = page->lowest--;
		me.in_turn = 0;
	}
	if (met && style.breaks && draw() % style.breaks == 0)
		me.priority = page->lowest--;
	if (me.events > events)
		me.events -= events;
	else if (me.events && events)
		change_priority_locked();
}

/* Return whether the kernel says that a thread sleeps, or has ended; not where it says nothing. */
static bool sleeps(uint32_t id)
{
	static const char folder[] = "/proc/self/task/", name[] = "/stat";
	char path[48], text[128], digits[10];
	size_t length = 0, count = 0;
	long file, bytes;

	for (size_t i = 0; folder[i]; i++)
		path[length++] = folder[i];
	for (; id; id /= 10)
		digits[count++] = (char)('0' + id % 10);
	while (count)
		path[length++] = digits[--count];
	for (size_t i = 0; i < sizeof(name); i++)
		path[length++] = name[i];
	file = rshi_syscall(__NR_openat, AT_FDCWD, (long)path, 0, 0, 0, 0);
	if (file < 0)
		return file == -ENOENT || file == -ESRCH; /* it is no more */
	bytes = rshi_syscall(__NR_read, file, (long)text, sizeof(text), 0, 0, 0);
	(void)rshi_syscall(__NR_close, file, 0, 0, 0, 0, 0);
	for (long i = bytes - 3; i >= 0; i--) /* the name before it may have parentheses */
		if (text[i] == ')')
			return text[i + 2] == 'S' || text[i + 2] == 'D' || text[i + 2] == 'T';
	return false;
}

/* Return how much a thread has used of processors, in nanoseconds (modulo 2^32). */
static uint32_t used_by(uint32_t id)
{
	struct __kernel_timespec used = {0};

	/* The kernel's name for the clock of a thread. */
	(void)rshi_syscall(__NR_clock_gettime, (long)(int)(~id << 3 | 6), (long)&used, 0, 0, 0, 0);
	return (uint32_t)used.tv_sec * 1000000000u + (uint32_t)used.tv_nsec;
}

/* Return whether the one that has the turn does without: it sleeps, or computes and computes. */
static bool is_idle_locked(struct watch *watch)
{
	const struct place *holder = &page->places[page->holder - 1];
	const uint32_t used = used_by(holder->id);

	if (watch->signs != page->signs) {
		watch->signs = page->signs;
		watch->used = used;
		watch->times = 0;
	}
	if (watch->times++ > UNHEARD)
		return true;
	/* Who makes a thread sleeps until it is there. */
	return used - watch->used > COMPUTES_NS || (!page->coming && sleeps(holder->id));
}

/* Wait until it is this thread's turn. */
static void stand_in_line(struct place *place)
{
	struct watch watch = {0};
	uint32_t patience = PATIENCE_US;

	for (uint32_t times = 1; wait_for_turn(place, patience); times++) {
		enter();
		if (!page->holder || is_idle_locked(&watch)) {
			if (page->holder)
				page->places[page->holder - 1].state = AWAY;
			pass_on_locked();
		} else {
			set_turn(page->holder | ASKED);
			if (times >= ENOUGH)
				place->priority = me.priority = ++page->boosted;
		}
		leave();
		if (patience < MOST_PATIENT_US)
			patience *= 2;
	}
}

/* Those that have been made come first, or time is over. */
static void wait_for_those_coming(void)
{
	for (uint32_t i = 0; i < STEPS_TO_COME; i++) {
		if (!__atomic_load_n(&page->coming, __ATOMIC_RELAXED)) /* a hint */
			return;
		rshi_give_way(1);
	}
	enter();
	page->coming = 0; /* it was never made, or has begun past us */
	leave();
}

static bool is_free(const void *mutex)
{
	/* glibc's first word; of other libraries' mutexes nothing is known, and the turn is kept. */
	return mutex && !__atomic_load_n((const uint32_t *)mutex, __ATOMIC_RELAXED);
}

bool rshi_turns_init(uint64_t seed)
{
	const long found = rshi_syscall(__NR_mmap, 0, sizeof(*page), 0x3, 0x22, -1, 0);
	const uint64_t word = rshi_mix(seed);

	style.makers = word >> 32 & 7;
	if (found < 0 && found > -4096)
		return false;
	if (rshi_syscall(__NR_madvise, found, sizeof(*page), MADV_WIPEONFORK, 0, 0, 0))
		return false;
	page = (struct page *)found;
	/* Each second seed the order of what synchronises, each fourth of everything. */
	style.walk = seed >> 1 & 1;
	style.touches = seed & 1;
	if (style.walk)
		style.span = (uint32_t)(word % (style.touches ? 8 : 3));
	else
		style.span = (style.touches ? 4 : 2) + (uint32_t)(word % 8);
	style.most = (uint32_t)(word >> 16) % (CHANGES + 1);
	style.breaks = word >> 24 & 3 ? 1 + (uint32_t)(word >> 24 & 3) : 0;
	return true;
}

void rshi_turns_begin(uint64_t chance)
{
	me.chance = chance;
	me.begun = true;
	me.priority = MIDDLE + (uint32_t)(draw() % MIDDLE);
	me.changes = 0;
	choose_distance();
	grant();
}

void rshi_turns_event(enum rshi_event event, const void *object)
{
	const bool waits = event == RSHI_TAKES || event == RSHI_RESTS || event == RSHI_ENDS ||
	                   (event == RSHI_LOCKS && !is_free(object));
	const bool met = me.met;
	struct place *place;

	if (__atomic_load_n(&page->coming, __ATOMIC_RELAXED) && event != RSHI_BEGINS) /* a hint */
		wait_for_those_coming();
	if (met)
		rshi_give_way(STEPS_TO_WAKE);
	me.met = event == RSHI_TAKES || event == RSHI_LOCKS || event == RSHI_GIVES ||
	         (event == RSHI_MEETS && style.touches);
	enter();
	if (event == RSHI_BEGINS && page->coming)
		page->coming--;
	if (!take_place_locked()) {
		leave();
		grant();
		rshi_mine.turn = __atomic_load_n(&rshi_turn, __ATOMIC_RELAXED); /* a hint */
		return;
	}
	place = &page->places[me.place - 1];
	page->signs++;
	count_locked(event, met);
	if (event == RSHI_MAKES) {
		page->coming++;
		if (style.makers && me.priority < HIGHEST)
			me.priority = HIGHEST - 1 - page->made++;
	}
	place->priority = me.priority;
	if (page->holder != me.place)
		me.in_turn = 0;
	__atomic_store_n(&place->call, 0, __ATOMIC_RELAXED); /* nobody calls but under the lock */
	place->state = READY;
	if (!page->holder || page->holder == me.place)
		pass_on_locked();
	else if (place->priority > page->places[page->holder - 1].priority)
		set_turn(page->holder | ASKED);
	leave();
	stand_in_line(place);
	if (waits) {
		enter();
		place->state = event == RSHI_ENDS ? FREE : AWAY;
		if (page->holder == me.place)
			pass_on_locked();
		leave();
	}
	if (event == RSHI_ENDS)
		me.place = rshi_mine.turn = 0;
	grant();
}
