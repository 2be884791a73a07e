/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_CONTEXT_MACHINE_H
#define RSH_CORE_CONTEXT_MACHINE_H

/* Registers of an interrupted aarch64 thread. Included by context.h. */

static inline uintptr_t rshi_context_pc(const struct ucontext *uc)
{
	return uc->uc_mcontext.pc;
}

static inline uintptr_t rshi_context_sp(const struct ucontext *uc)
{
	return uc->uc_mcontext.sp;
}

static inline uintptr_t rshi_context_fp(const struct ucontext *uc)
{
	return uc->uc_mcontext.regs[29];
}

/* Where the threads library has put the thread's own data: above the stack, if that is its own. */
static inline uintptr_t rshi_thread_pointer(void)
{
	uintptr_t pointer;

	__asm__("mrs %0, tpidr_el0" : "=r"(pointer));
	return pointer;
}

#endif /* RSH_CORE_CONTEXT_MACHINE_H */
