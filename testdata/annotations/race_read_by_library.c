/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library without instrumentation reads a 4-byte setting of its caller's while another thread
 * changes it. TSan does not see the load; the wrapper says it. The size counts: only the last
 * byte is changed.
 *
 * report: data race in load_setting, change_setting
 * control: clean
 * annotation: RSH_RACE_READ
 * uninstrumented: helper_hidden.c
 */
#include <stdint.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static uint8_t setting[4];
static int loaded;

NOINLINE static unsigned load_setting(void)
{
	PROVE(RSH_RACE_READ(setting, 4));
	return hidden_sum(setting, sizeof(setting));
}

NOINLINE static void change_setting(void)
{
	setting[3] = 1;
}

static void *user(void *arg)
{
	unsigned sum = load_setting();

	hidden_post(&loaded);
	return sum ? NULL : arg;
}

static void *changer(void *arg)
{
	hidden_wait(&loaded, 1);
	change_setting();
	return arg;
}

int main(void)
{
	run_two(user, changer);
	return 0;
}
