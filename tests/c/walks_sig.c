/* SPDX-License-Identifier: BSD-2-Clause */
#include <raceshim/sigsafe.h>

#include "core/context.h"
#include "core/sys.h"
#include "walks_sig.h"

struct walk_found walk_found;
size_t walk_max = RSHI_UNWIND_MAX;
void *walk_context;
size_t walk_context_size;
int walk_nested;

void walk_on_signal(int signo, void *siginfo, void *ucontext)
{
	(void)signo;
	(void)siginfo;
	if (walk_context)
		rsh_memcpy_sig(walk_context, ucontext, walk_context_size);
	rshi_unwind_sig(ucontext, walk_found.pcs, walk_max, &walk_found.stack);
	walk_found.runs++;
}

void walk_raise(int signo)
{
	rshi_tgkill_sig(rshi_getpid_sig(), rshi_gettid_sig(), signo);
}

void walk_nested_on_signal(int signo, void *siginfo, void *ucontext)
{
	(void)signo;
	(void)siginfo;
	(void)ucontext;
	walk_raise(walk_nested);
	__asm__ volatile(""); /* no jump instead of the call */
}

void walk_nested_on_signal_libc(int signo)
{
	walk_nested_on_signal(signo, NULL, NULL);
	__asm__ volatile("");
}

void walk_and_return_on_signal(int signo, void *siginfo, void *ucontext)
{
	struct ucontext *uc = ucontext;

	walk_on_signal(signo, siginfo, ucontext);
	uc->uc_mcontext.rip = *(const uintptr_t *)uc->uc_mcontext.rsp;
	uc->uc_mcontext.rsp += sizeof(uintptr_t);
}
