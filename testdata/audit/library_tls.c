/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shared library whose handler uses a thread-local variable: its memory is allocated at the
 * first use in each thread, which may be in the handler. With -DINITIAL_EXEC it is there when the
 * thread starts.
 */
#ifdef INITIAL_EXEC
__attribute__((tls_model("initial-exec")))
#endif
__thread int samples;

void take_sample_sig(int number);

void take_sample_sig(int number)
{
	samples += number;
}
