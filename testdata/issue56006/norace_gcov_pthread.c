/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With -pthread gcc's --coverage counts atomically, and its writer, which the detector cannot see,
 * reads the counters of the running thread in silence. The control asks for plain increments.
 *
 * control: data race in blah, blah
 * compilers: gcc-12
 * cflags: --coverage
 * control-cflags: -fprofile-update=single
 * uninstrumented: ../races/step.c
 */
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
