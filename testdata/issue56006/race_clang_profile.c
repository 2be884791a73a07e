/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stock tool: clang's coverage with atomic counters, and compiler-rt's own writer at exit. It
 * reads the live counters through fwrite(), whose interceptor sees a plain read. In the control the
 * thread is joined before the exit, and there is no race.
 *
 * report: data race in fileWriter, infloop or data race in fileWriter, blah
 * control: clean
 * compilers: clang-19 clang-14
 * cflags: -fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic
 * env: LLVM_PROFILE_FILE=/dev/null
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
	sum = blah(1) + blah(0);
	end(thread);
	return sum != 1;
}
