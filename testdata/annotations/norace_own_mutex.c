/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex of one's own, made of system calls and atomics that the detector cannot see. Its four
 * annotations make it a mutex; without them every critical section races with every other.
 *
 * control: data race in deposit, withdraw
 * annotation: RSH_RACE_MUTEX_BEFORE_LOCK RSH_RACE_MUTEX_AFTER_LOCK RSH_RACE_MUTEX_BEFORE_UNLOCK RSH_RACE_MUTEX_AFTER_UNLOCK
 * uninstrumented: helper_hidden.c
 */
#include <raceshim/annotate.h>

#include "hidden.h"

static int mutex, balance, deposited;

static void own_lock(void)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_LOCK(&mutex));
	hidden_lock(&mutex);
	PROVE(RSH_RACE_MUTEX_AFTER_LOCK(&mutex));
}

static void own_unlock(void)
{
	PROVE(RSH_RACE_MUTEX_BEFORE_UNLOCK(&mutex));
	hidden_unlock(&mutex);
	PROVE(RSH_RACE_MUTEX_AFTER_UNLOCK(&mutex));
}

NOINLINE static void deposit(void)
{
	balance += 10;
}

NOINLINE static void withdraw(void)
{
	balance -= 10;
}

static void *depositor(void *arg)
{
	own_lock();
	deposit();
	own_unlock();
	hidden_post(&deposited);
	return arg;
}

static void *withdrawer(void *arg)
{
	hidden_wait(&deposited, 1);
	own_lock();
	withdraw();
	own_unlock();
	return arg;
}

int main(void)
{
	run_two(depositor, withdrawer);
	return balance;
}
