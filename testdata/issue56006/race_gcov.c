/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stock tool: gcc's --coverage without -pthread counts with plain increments, so two threads in
 * one function race on its counters (__gcov0.blah). gcc 12 puts the last increment of a function
 * behind the call that tells the detector of its end, so the frames below blah() are not all right.
 * In the control the thread is joined before main calls the function.
 *
 * report: data race in blah, blah
 * control: clean
 * compilers: gcc-12
 * cflags: --coverage
 * pthread: no
 * uninstrumented: ../races/step.c
 */
#ifdef RSH_CONTROL
#define ENDLESS 0
#endif
#include "infloop.h"

int main(void)
{
	pthread_t thread;
	int sum;

	pthread_create(&thread, NULL, infloop, NULL);
	step_wait(1);
	end(thread);
	sum = blah(1) + blah(0);
	return sum != 1;
}
