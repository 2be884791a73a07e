/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One case for each thing that the race axis promises. The steps of a case, <case>_first,
 * <case>_second, <case>_third, are run by three threads, really one after the other, in an order
 * that the detector does not see (turns.h). Started with "annotated", the steps say what they do;
 * with "control" they keep silent. tests/py/test_annotations.py knows which cases each
 * detector has to report in either run, by the names of the functions in its reports.
 */
#include <raceshim/annotate.h>

#include <string.h>

#include "turns.h"

RSH_DEFINE_RACE_ERRORS

static int annotated;

#define SAY(annotation)                                                                            \
	do {                                                                                       \
		if (annotated) {                                                                   \
			annotation;                                                                \
		}                                                                                  \
	} while (0)

#define STEP(name) static __attribute__((noinline)) void name(void)

/*
 * What a case works on, alone in its cache line: the few accesses that a detector remembers of each
 * 8 bytes are not pushed out by another case's.
 */
#define DATA(name) static _Alignas(64) int name##_data
#define STATE(name)                                                                                \
	DATA(name);                                                                                \
	static char name##_id

STATE(edge);
STEP(edge_first)
{
	edge_data = 1;
	SAY(RSH_RACE_RELEASE(&edge_id));
}
STEP(edge_second)
{
	SAY(RSH_RACE_ACQUIRE(&edge_id));
	edge_data++;
}

/* Both releases are before the acquire: a release that replaced the first would lose it. */
STATE(merge);
static int merge_more;
STEP(merge_first)
{
	merge_data = 1;
	SAY(RSH_RACE_HAPPENS_BEFORE(&merge_id));
}
STEP(merge_second)
{
	merge_more = 1;
	SAY(RSH_RACE_HAPPENS_BEFORE(&merge_id));
}
STEP(merge_third)
{
	SAY(RSH_RACE_HAPPENS_AFTER(&merge_id));
	merge_data += merge_more;
}

STATE(chain);
STEP(chain_first)
{
	chain_data = 1;
	SAY(RSH_RACE_RELEASE(&chain_id));
}
STEP(chain_second)
{
	SAY(RSH_RACE_RELEASE_ACQUIRE(&chain_id));
	chain_data++;
	SAY(RSH_RACE_RELEASE_ACQUIRE(&chain_id));
}
STEP(chain_third)
{
	SAY(RSH_RACE_ACQUIRE(&chain_id));
	chain_data++;
}

STATE(once);
STEP(once_first)
{
	once_data = 1;
	SAY(RSH_RACE_ONCE_DONE(&once_id));
}
STEP(once_second)
{
	SAY(RSH_RACE_ONCE_SEEN(&once_id));
	once_data++;
}

static void lock(char *m)
{
	SAY(RSH_RACE_MUTEX_BEFORE_LOCK(m); RSH_RACE_MUTEX_AFTER_LOCK(m));
}
static void unlock(char *m)
{
	SAY(RSH_RACE_MUTEX_BEFORE_UNLOCK(m); RSH_RACE_MUTEX_AFTER_UNLOCK(m));
}
static void rdlock(char *m)
{
	SAY(RSH_RACE_MUTEX_BEFORE_RDLOCK(m); RSH_RACE_MUTEX_AFTER_RDLOCK(m));
}
static void rdunlock(char *m)
{
	SAY(RSH_RACE_MUTEX_BEFORE_RDUNLOCK(m); RSH_RACE_MUTEX_AFTER_RDUNLOCK(m));
}

/* Created and destroyed by main, before and after. */
STATE(mutex);
STEP(mutex_first)
{
	lock(&mutex_id);
	mutex_data = 1;
	unlock(&mutex_id);
}
STEP(mutex_second)
{
	lock(&mutex_id);
	mutex_data++;
	unlock(&mutex_id);
}
STEP(mutex_third)
{
	lock(&mutex_id);
	mutex_data++;
	unlock(&mutex_id);
}

/* A lock whose creation is not ordered before its use. */
static char unborn_id;
STEP(unborn_first)
{
	SAY(RSH_RACE_MUTEX_CREATE(&unborn_id));
}
STEP(unborn_second)
{
	SAY(RSH_RACE_MUTEX_BEFORE_LOCK(&unborn_id); RSH_RACE_MUTEX_AFTER_LOCK(&unborn_id));
	SAY(RSH_RACE_MUTEX_BEFORE_UNLOCK(&unborn_id); RSH_RACE_MUTEX_AFTER_UNLOCK(&unborn_id));
}

/* The inner unlock orders nothing yet, and nobody takes the inner lock for a bug. */
STATE(nested);
STEP(nested_first)
{
	lock(&nested_id);
	lock(&nested_id);
	nested_data = 1;
	unlock(&nested_id);
	nested_data = 2;
	unlock(&nested_id);
}
STEP(nested_second)
{
	lock(&nested_id);
	SAY(RSH_RACE_MUTEX_BEFORE_TRYLOCK(&nested_id); RSH_RACE_MUTEX_AFTER_TRYLOCK(&nested_id, 1));
	unlock(&nested_id);
	nested_data++;
	unlock(&nested_id);
}

/* Never created, as a lock in static storage. */
STATE(rwlock);
STEP(rwlock_first)
{
	rdlock(&rwlock_id);
	(void)*(volatile int *)&rwlock_data;
	rdunlock(&rwlock_id);
}
STEP(rwlock_second)
{
	lock(&rwlock_id);
	rwlock_data++;
	unlock(&rwlock_id);
}
STEP(rwlock_third)
{
	rdlock(&rwlock_id);
	(void)*(volatile int *)&rwlock_data;
	rdunlock(&rwlock_id);
}

/* Readers are not ordered against each other: two that write are a race. */
STATE(readers);
STEP(readers_first)
{
	rdlock(&readers_id);
	readers_data = 1;
	rdunlock(&readers_id);
}
STEP(readers_second)
{
	rdlock(&readers_id);
	readers_data++;
	rdunlock(&readers_id);
}

STATE(trylock);
STEP(trylock_first)
{
	lock(&trylock_id);
	trylock_data = 1;
	unlock(&trylock_id);
}
STEP(trylock_second)
{
	SAY(RSH_RACE_MUTEX_BEFORE_TRYLOCK(&trylock_id);
	    RSH_RACE_MUTEX_AFTER_TRYLOCK(&trylock_id, 1));
	trylock_data++;
	unlock(&trylock_id);
}
STEP(trylock_third)
{
	SAY(RSH_RACE_MUTEX_BEFORE_TRYRDLOCK(&trylock_id);
	    RSH_RACE_MUTEX_AFTER_TRYRDLOCK(&trylock_id, 1));
	(void)*(volatile int *)&trylock_data;
	rdunlock(&trylock_id);
}

/* A failed attempt orders nothing. */
STATE(tryfail);
STEP(tryfail_first)
{
	lock(&tryfail_id);
	tryfail_data = 1;
	unlock(&tryfail_id);
}
STEP(tryfail_second)
{
	SAY(RSH_RACE_MUTEX_BEFORE_TRYLOCK(&tryfail_id);
	    RSH_RACE_MUTEX_AFTER_TRYLOCK(&tryfail_id, 0));
	tryfail_data++;
}

STATE(tryrdfail);
STEP(tryrdfail_first)
{
	lock(&tryrdfail_id);
	tryrdfail_data = 1;
	unlock(&tryrdfail_id);
}
STEP(tryrdfail_second)
{
	SAY(RSH_RACE_MUTEX_BEFORE_TRYRDLOCK(&tryrdfail_id);
	    RSH_RACE_MUTEX_AFTER_TRYRDLOCK(&tryrdfail_id, 0));
	tryrdfail_data++;
}

/* The wait gives the mutex up: the second step locks it in the middle of the first. */
STATE(cond);
static char cond_mutex;
STEP(cond_first)
{
	lock(&cond_mutex);
	cond_data = 1;
	SAY(RSH_RACE_COND_BEFORE_WAIT(&cond_id, &cond_mutex));
	pass_turn(4);
	await_turn(5);
	SAY(RSH_RACE_COND_AFTER_WAIT(&cond_id, &cond_mutex));
	cond_data++;
	unlock(&cond_mutex);
}
STEP(cond_second)
{
	await_turn(4);
	lock(&cond_mutex);
	cond_data++;
	SAY(RSH_RACE_COND_BEFORE_SIGNAL(&cond_id); RSH_RACE_COND_AFTER_SIGNAL(&cond_id));
	unlock(&cond_mutex);
	pass_turn(5);
}
STEP(cond_third)
{
	await_turn(1);
}

/* A block changes hands through a free list that the detector does not see. */
static _Alignas(64) char recycle_block[64];
STEP(recycle_first)
{
	recycle_block[5] = 1;
	SAY(RSH_RACE_FREE_MEMORY(recycle_block, sizeof(recycle_block)));
}
STEP(recycle_second)
{
	SAY(RSH_RACE_NEW_MEMORY(recycle_block, sizeof(recycle_block)));
	recycle_block[5] = 2;
}

/* The old owner kept a pointer and uses it when the block has its next owner. */
static _Alignas(64) char stale_block[64];
STEP(stale_first)
{
	SAY(RSH_RACE_FREE_MEMORY(stale_block, sizeof(stale_block)));
}
STEP(stale_second)
{
	SAY(RSH_RACE_NEW_MEMORY(stale_block, sizeof(stale_block)));
	stale_block[9] = 1;
}
STEP(stale_third)
{
	stale_block[9] = 2;
}

/* A stale pointer used before anybody else has the block; nobody else touches the bytes. */
static _Alignas(64) char dangling_block[64];
STEP(dangling_first)
{
	SAY(RSH_RACE_FREE_MEMORY(dangling_block, sizeof(dangling_block)));
}
STEP(dangling_second)
{
	dangling_block[9] = 1;
}

DATA(benign);
STEP(benign_first)
{
	SAY(RSH_RACE_BENIGN(&benign_data, sizeof(benign_data), "an approximate statistic"));
	benign_data = 1;
}
STEP(benign_second)
{
	benign_data++;
}

/* Inside a nested scope, behind the inner END: still ignored. */
DATA(reads);
STEP(reads_first)
{
	reads_data = 1;
}
STEP(reads_second)
{
	SAY(RSH_RACE_IGNORE_READS_BEGIN(); RSH_RACE_IGNORE_READS_BEGIN());
	SAY(RSH_RACE_IGNORE_READS_END());
	(void)*(volatile int *)&reads_data;
	SAY(RSH_RACE_IGNORE_READS_END());
}

DATA(writes);
STEP(writes_first)
{
	writes_data = 1;
}
STEP(writes_second)
{
	SAY(RSH_RACE_IGNORE_WRITES_BEGIN(); RSH_RACE_IGNORE_WRITES_BEGIN());
	SAY(RSH_RACE_IGNORE_WRITES_END());
	*(volatile int *)&writes_data = 2;
	SAY(RSH_RACE_IGNORE_WRITES_END());
}

/* Behind the outermost END: looked at again. */
DATA(restored);
STEP(restored_first)
{
	restored_data = 1;
}
STEP(restored_second)
{
	SAY(RSH_RACE_IGNORE_READS_BEGIN(); RSH_RACE_IGNORE_WRITES_BEGIN());
	SAY(RSH_RACE_IGNORE_WRITES_BEGIN(); RSH_RACE_IGNORE_WRITES_END());
	SAY(RSH_RACE_IGNORE_WRITES_END(); RSH_RACE_IGNORE_READS_END());
	restored_data++;
}

/* A real mutex, whose edge is ignored inside the scope, nested too. */
DATA(sync);
static pthread_mutex_t sync_mutex = PTHREAD_MUTEX_INITIALIZER;
STEP(sync_first)
{
	sync_data = 1;
	pthread_mutex_lock(&sync_mutex);
	pthread_mutex_unlock(&sync_mutex);
}
STEP(sync_second)
{
	SAY(RSH_RACE_IGNORE_SYNC_BEGIN(); RSH_RACE_IGNORE_SYNC_BEGIN());
	SAY(RSH_RACE_IGNORE_SYNC_END());
	pthread_mutex_lock(&sync_mutex);
	pthread_mutex_unlock(&sync_mutex);
	SAY(RSH_RACE_IGNORE_SYNC_END());
	sync_data++;
}

DATA(resync);
static pthread_mutex_t resync_mutex = PTHREAD_MUTEX_INITIALIZER;
STEP(resync_first)
{
	resync_data = 1;
	pthread_mutex_lock(&resync_mutex);
	pthread_mutex_unlock(&resync_mutex);
}
STEP(resync_second)
{
	SAY(RSH_RACE_IGNORE_SYNC_BEGIN(); RSH_RACE_IGNORE_SYNC_BEGIN());
	SAY(RSH_RACE_IGNORE_SYNC_END(); RSH_RACE_IGNORE_SYNC_END());
	pthread_mutex_lock(&resync_mutex);
	pthread_mutex_unlock(&resync_mutex);
	resync_data++;
}

/* Only said, not done: the detector has nothing but the annotation to go by. */
DATA(logical);
STEP(logical_first)
{
	logical_data = 1;
}
STEP(logical_second)
{
	SAY(RSH_RACE_READ(&logical_data, sizeof(logical_data)));
}

static const struct {
	void (*step[3])(void);
} cases[] = {
        {{edge_first, edge_second, NULL}},
        {{merge_first, merge_second, merge_third}},
        {{chain_first, chain_second, chain_third}},
        {{once_first, once_second, NULL}},
        {{mutex_first, mutex_second, mutex_third}},
        {{unborn_first, unborn_second, NULL}},
        {{nested_first, nested_second, NULL}},
        {{rwlock_first, rwlock_second, rwlock_third}},
        {{readers_first, readers_second, NULL}},
        {{trylock_first, trylock_second, trylock_third}},
        {{tryfail_first, tryfail_second, NULL}},
        {{tryrdfail_first, tryrdfail_second, NULL}},
        {{cond_first, cond_second, cond_third}},
        {{recycle_first, recycle_second, NULL}},
        {{stale_first, stale_second, stale_third}},
        {{dangling_first, dangling_second, NULL}},
        {{benign_first, benign_second, NULL}},
        {{reads_first, reads_second, NULL}},
        {{writes_first, writes_second, NULL}},
        {{restored_first, restored_second, NULL}},
        {{sync_first, sync_second, NULL}},
        {{resync_first, resync_second, NULL}},
        {{logical_first, logical_second, NULL}},
};

struct player {
	void (*step)(void);
	int turn;
};

/* All threads of a case live until its last step is done: no edge from an exit to a join. */
static void *play(void *arg)
{
	const struct player *player = arg;
	char name[16];

	snprintf(name, sizeof(name), "player-%d", player->turn);
	RSH_RACE_THREAD_NAME(name);
	if (player->step != cond_second)
		await_turn(player->turn);
	if (player->step != NULL)
		player->step();
	pass_turn(player->turn + 1);
	await_turn(3);
	pass_turn(3);
	return NULL;
}

static void run(size_t n)
{
	struct player players[3];
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++) {
		players[i].step = cases[n].step[i];
		players[i].turn = i;
		if (pthread_create(&threads[i], NULL, play, &players[i]) != 0)
			abort();
	}
	pass_turn(0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	await_turn(3);
}

int main(int argc, char **argv)
{
	size_t n;

	if (argc != 2)
		return 2;
	annotated = strcmp(argv[1], "annotated") == 0;
	turns_open();
	SAY(RSH_RACE_MUTEX_CREATE(&mutex_id); RSH_RACE_MUTEX_CREATE_RECURSIVE(&nested_id));
	for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
		run(n);
	SAY(RSH_RACE_MUTEX_DESTROY(&mutex_id); RSH_RACE_MUTEX_DESTROY(&nested_id));
	/* A variable that nobody reads would not be written either. */
	printf("wrote %d\n", writes_data + benign_data + restored_data);
	printf("errors %zu\n", rsh_race_errors());
	return 0;
}
