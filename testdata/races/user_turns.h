/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread hands memory of the program to the library, another one uses it: under a lock, or in the
 * control without. They take turns by a clock that no detector sees.
 */
#ifndef USER_TURNS_H
#define USER_TURNS_H

#include <pthread.h>

#include "step.h"

#ifdef RSH_CONTROL
#define LOCKED(what) what
#else
#define LOCKED(what)                                                                               \
	pthread_mutex_lock(&user_mutex);                                                           \
	what;                                                                                      \
	pthread_mutex_unlock(&user_mutex)
static pthread_mutex_t user_mutex = PTHREAD_MUTEX_INITIALIZER;
#endif

struct user_turns {
	int (*hand_over)(void); /* calls the library; 0 or why not */
	int (*use)(void);       /* likewise of the program's own access */
};

static void *user_thread(void *arg)
{
	const struct user_turns *turns = arg;
	int failed;

	LOCKED(failed = turns->hand_over());
	step_set(1);
	return failed ? arg : NULL;
}

/* user_take_turns - first the library, then the program; the exit status of main */
static inline int user_take_turns(struct user_turns turns)
{
	pthread_t thread;
	void *failed;
	int wrong;

	pthread_create(&thread, NULL, user_thread, &turns);
	step_wait(1);
	LOCKED(wrong = turns.use());
	pthread_join(thread, &failed);
	return failed != NULL || wrong;
}

#endif
