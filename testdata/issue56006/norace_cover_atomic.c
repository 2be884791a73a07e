/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that still runs at exit, with `--cover=atomic`: how often, counted with atomic
 * increments. Its counters are read and written out in silence. The control is the stock tool of
 * the same compiler.
 *
 * control: data race in fileWriter, infloop or data race in fileWriter, blah
 * control[gcc-12]: data race in blah, blah
 * cover: atomic
 * control-cover: none
 * control-cflags: -fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic
 * control-cflags[gcc-12]: --coverage -fprofile-update=single
 * env: LLVM_PROFILE_FILE=/dev/null
 * stdout: OK
 * uninstrumented: ../races/step.c
 */
#include "covered.h"
