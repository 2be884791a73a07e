/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/signal.h>

#include "core/context.h"
#include "core/sys.h"
#include "core/unwind.h"
#include "steps_sig.h"

#define SHADOW_MAX 1000
#define LONGEST    15 /* bytes of an instruction */

/* A return address on the stack, and where. */
struct call {
	uintptr_t slot, pc;
};

static struct steps_log *log_;
static struct call shadow[SHADOW_MAX];
static size_t calls;
static uintptr_t base[STEPS_BASE_MAX];
static size_t base_n;
static uintptr_t last_pc, last_sp;

/* Whether the instruction at @code is a call; @code was executed just now. */
static int is_call(const unsigned char *code)
{
	for (int i = 0; i < LONGEST; i++, code++) {
		int prefix = (*code & 0xf0) == 0x40 || *code == 0xf2 || *code == 0xf3 ||
		             *code == 0x66 || *code == 0x67 || *code == 0x2e || *code == 0x3e;

		if (!prefix)
			break;
	}
	return *code == 0xe8 || (*code == 0xff && (code[1] >> 3 & 7) == 2);
}

static void follow(uintptr_t pc, uintptr_t sp)
{
	uintptr_t pushed;

	if (last_pc && sp == last_sp - sizeof(pushed) && is_call((const unsigned char *)last_pc)) {
		pushed = *(const uintptr_t *)sp;
		if (pushed - last_pc <= LONGEST && calls < SHADOW_MAX) {
			shadow[calls].slot = sp;
			shadow[calls++].pc = pushed;
		}
	}
	while (calls && shadow[calls - 1].slot < sp)
		calls--;
	last_pc = pc;
	last_sp = sp;
}

/* Frame @i of the true stack. */
static uintptr_t truth(uintptr_t pc, size_t i)
{
	if (i == 0)
		return pc;
	if (i <= calls)
		return shadow[calls - i].pc;
	return base[i - 1 - calls];
}

static void judge(struct steps_score *score, const struct rshi_stack *stack, const uintptr_t *pcs,
                  uintptr_t pc, uintptr_t sp, int keep)
{
	size_t depth = 1 + calls + base_n, right = 0;
	size_t checkable = depth < RSHI_UNWIND_MAX ? depth : RSHI_UNWIND_MAX;
	enum rshi_unwind_end end = depth <= RSHI_UNWIND_MAX ? RSHI_END_ROOT : RSHI_END_DEPTH;

	while (right < stack->n && right < depth && pcs[right] == truth(pc, right))
		right++;
	score->leaf += right >= 2;
	score->root += stack->end == end && stack->n == checkable &&
	               pcs[stack->n - 1] == truth(pc, checkable - 1);
	if (right == checkable && stack->n == checkable && stack->end == end) {
		score->exact++;
	} else if (keep && log_->missed < STEPS_MISSES) {
		struct steps_miss *miss = &log_->misses[log_->missed++];

		miss->pc = pc;
		miss->sp = sp;
		miss->frame = (uint32_t)right;
		miss->n = stack->n;
		miss->depth = (uint32_t)depth;
		miss->end = (int)stack->end;
		miss->got = right < stack->n ? pcs[right] : 0;
		miss->want = right < depth ? truth(pc, right) : 0;
	}
}

static void on_trap(int signo, void *siginfo, void *ucontext)
{
	static uintptr_t pcs[RSHI_UNWIND_MAX];
	const struct ucontext *uc = ucontext;
	uintptr_t pc = rshi_context_pc(uc), sp = rshi_context_sp(uc);
	struct rshi_stack stack;

	(void)signo;
	(void)siginfo;
	follow(pc, sp);
	log_->steps++;
	if (calls + base_n + 1 > log_->depth)
		log_->depth = calls + base_n + 1;
	rshi_unwind_sig(uc, pcs, RSHI_UNWIND_MAX, &stack);
	log_->tables_guessed += stack.guessed;
	judge(&log_->tables, &stack, pcs, pc, sp, 1);
	rshi_unwind_fp_sig(uc, pcs, RSHI_UNWIND_MAX, &stack);
	judge(&log_->frame_pointers, &stack, pcs, pc, sp, 0);
}

int steps_prepare_sig(struct steps_log *log, const uintptr_t *callers, size_t n)
{
	struct rshi_sigaction action;

	log_ = log;
	calls = 0;
	last_pc = 0;
	base_n = n;
	for (size_t i = 0; i < n; i++)
		base[i] = callers[i];
	action.handler = on_trap;
	action.flags = SA_SIGINFO;
	action.mask = 0;
	return rshi_sigaction_sig(SIGTRAP, &action, NULL);
}

/* The flag takes effect after the instruction that follows: the caller is the first to trap. */
__asm__(".pushsection .text\n"
        ".globl steps_on_sig\n"
        ".type steps_on_sig, @function\n"
        "steps_on_sig:\n"
        ".cfi_startproc\n"
        "pushfq\n"
        ".cfi_adjust_cfa_offset 8\n"
        "orq $0x100, (%rsp)\n"
        "popfq\n"
        ".cfi_adjust_cfa_offset -8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size steps_on_sig, . - steps_on_sig\n"
        ".globl steps_off_sig\n"
        ".type steps_off_sig, @function\n"
        "steps_off_sig:\n"
        ".cfi_startproc\n"
        "pushfq\n"
        ".cfi_adjust_cfa_offset 8\n"
        "andq $~0x100, (%rsp)\n"
        "popfq\n"
        ".cfi_adjust_cfa_offset -8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size steps_off_sig, . - steps_off_sig\n"
        ".popsection\n");
