/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that still runs at exit, with `--cover=edge-counts`: how often each edge was taken,
 * in counters of each thread's own. Its counters are read and written out in silence. The
 * control is the stock tool of the same compiler.
 *
 * control: data race in fileWriter, infloop or data race in fileWriter, blah
 * cover: edge-counts
 * control-cover: none
 * control-cflags: -fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic
 * compilers: clang-19 clang-14
 * env: LLVM_PROFILE_FILE=/dev/null
 * stdout: OK
 * uninstrumented: ../races/step.c
 */
#include "covered.h"
