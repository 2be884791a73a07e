/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_CONTEXT_MACHINE_H
#define RSH_CORE_CONTEXT_MACHINE_H

/* Registers of an interrupted x86-64 thread. Included by context.h. */

static inline uintptr_t rshi_context_pc(const struct ucontext *uc)
{
	return uc->uc_mcontext.rip;
}

static inline uintptr_t rshi_context_sp(const struct ucontext *uc)
{
	return uc->uc_mcontext.rsp;
}

static inline uintptr_t rshi_context_fp(const struct ucontext *uc)
{
	return uc->uc_mcontext.rbp;
}

/* Where the threads library has put the thread's own data: above the stack, if that is its own. */
static inline uintptr_t rshi_thread_pointer(void)
{
	uintptr_t pointer;

	__asm__("movq %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

#endif /* RSH_CORE_CONTEXT_MACHINE_H */
