/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwinding by the tables that compilers make for exceptions and debuggers, x86-64.
 *
 * They are right at every instruction, in prologues and epilogues too, and libc, the dynamic
 * linker, the vDSO and the detectors' runtimes all have them, where hardly any of these keeps a
 * frame pointer. Code without tables, as a just-in-time compiler's, is crossed by frame pointer.
 */

#include "context.h"
#include "dwarf.h"
#include "sys.h"
#include "unwind_rows.h"
#include "unwind_traceback.h"
#include "unwind_trail.h"

#define RBX 3
#define RBP 6
#define R12 12
#define R15 15

/* Registers that a called function preserves, in the order of a kept row's bytes. */
static const uint8_t preserved[6] = {RBX, RBP, R12, 13, 14, R15};
#define PRESERVED_MASK 0xf048u

#define OBJECTS 4

struct walk {
	struct rshi_regs regs;
	struct rshi_reader reader;
	uintptr_t lookup; /* an address in the instruction that the frame is at */
	struct rshi_object objects[OBJECTS]; /* those met last; empty where start is end */
	unsigned int next;                   /* which of them goes first */
	unsigned int guessed;
	int interrupted;                       /* not at a call, but at any instruction */
	struct rshi_trail *trail;              /* NULL: nobody wants to know what is read */
	uintptr_t saved_at[sizeof(preserved)]; /* where those registers were read, for the trail */
};

static void start(struct walk *w, const struct ucontext *uc)
{
	const struct sigcontext *c = &uc->uc_mcontext;

	/* The order of the registers' numbers. */
	w->regs.r[0] = c->rax;
	w->regs.r[1] = c->rdx;
	w->regs.r[2] = c->rcx;
	w->regs.r[RBX] = c->rbx;
	w->regs.r[4] = c->rsi;
	w->regs.r[5] = c->rdi;
	w->regs.r[RBP] = c->rbp;
	w->regs.r[RSHI_SP] = c->rsp;
	w->regs.r[8] = c->r8;
	w->regs.r[9] = c->r9;
	w->regs.r[10] = c->r10;
	w->regs.r[11] = c->r11;
	w->regs.r[R12] = c->r12;
	w->regs.r[13] = c->r13;
	w->regs.r[14] = c->r14;
	w->regs.r[R15] = c->r15;
	w->regs.r[RSHI_PC] = c->rip;
	w->regs.known = (1u << RSHI_REGS) - 1;
	w->trail = NULL;
	w->interrupted = 1;
	w->lookup = c->rip;
	rshi_reader_start_sig(&w->reader, c->rsp, rshi_thread_pointer());
}

/* The object that the frame is in, or NULL. */
static const struct rshi_object *object_of(struct walk *w, uintptr_t pc)
{
	struct rshi_object *o;

	for (unsigned int i = 0; i < OBJECTS; i++) {
		o = &w->objects[i];
		if (pc - o->start < o->end - o->start)
			return o;
	}
	o = &w->objects[w->next++ % OBJECTS];
	if (!rshi_object_find_sig(pc, o))
		return o;
	o->start = 0;
	o->end = 0;
	return NULL;
}

/* Go on at the caller, which was calling. */
static void enter_caller(struct walk *w, uintptr_t cfa, uintptr_t pc, uint32_t known)
{
	w->regs.r[RSHI_SP] = cfa;
	w->regs.r[RSHI_PC] = pc;
	w->regs.known = known | 1u << RSHI_SP | 1u << RSHI_PC;
	w->lookup = pc - 1;
	w->interrupted = 0;
}

/* Go on where the interrupted frame was, maybe on another stack. */
static void enter_interrupted(struct walk *w)
{
	uintptr_t sp = w->regs.r[RSHI_SP];

	w->interrupted = 1;
	w->lookup = w->regs.r[RSHI_PC];
	if (sp - w->reader.lo >= w->reader.hi - w->reader.lo)
		rshi_reader_start_sig(&w->reader, sp, rshi_thread_pointer());
}

/*
 * Whether a frame without tables is where a handler of this library's returns to, known by the code
 * there like in every unwinder: mov $15, %rax; syscall. libc's has tables.
 */
static int at_sigreturn(const struct walk *w)
{
	typedef uint64_t u64 __attribute__((may_alias, aligned(1)));
	const uint8_t *code = (const uint8_t *)w->regs.r[RSHI_PC];

	/* A return address off a wrecked stack may point between an object's segments. */
	return !rshi_readable_sig(code) && !rshi_readable_sig(code + 1) &&
	       *(const u64 *)code == UINT64_C(0x0f0000000fc0c748) && code[8] == 0x05;
}

/* Load what the kernel has saved of the interrupted frame; the order of struct sigcontext. */
static int cross_signal_frame(struct walk *w)
{
	static const uint8_t order[] = {8, 9,   10,  11, R12, 13, 14,      R15,    5,
	                                4, RBP, RBX, 1,  0,   2,  RSHI_SP, RSHI_PC};
	const struct ucontext *uc = (const struct ucontext *)w->regs.r[RSHI_SP];
	uintptr_t from = (uintptr_t)&uc->uc_mcontext;

	for (unsigned int i = 0; i < sizeof(order); i++) {
		if (rshi_load_sig(&w->reader, from + i * sizeof(from), &w->regs.r[order[i]]))
			return RSHI_END_BAD_STACK;
	}
	w->regs.known = (1u << RSHI_REGS) - 1;
	enter_interrupted(w);
	return 0;
}

/* Whether @pc is behind a call, in a function that has tables. */
static __attribute__((noinline)) int is_behind_call(struct walk *w, uintptr_t pc)
{
	const struct rshi_object *object = object_of(w, pc - 1);
	const uint8_t *code = (const uint8_t *)pc;
	struct rshi_fde fde;

	if (!object || rshi_fde_find_sig(object, pc - 1, &fde) || pc - fde.pc < 7)
		return 0;
	if (code[-5] == 0xe8)
		return 1;
	/* By a pointer: as long as a register, or an address of one of the usual kinds. */
	for (int length = 2; length <= 7; length++) {
		if (code[-length] == 0xff && (code[1 - length] & 0x38) == 0x10)
			return 1;
	}
	return 0;
}

/*
 * Some code of an object may have no tables: what the compiler and libc have run when it is loaded
 * and unloaded, and with some linkers its PLT. It has pushed two words at most.
 */
static int step_from_start_code(struct walk *w)
{
	uintptr_t sp = w->regs.r[RSHI_SP], pc;

	for (uintptr_t at = sp; at <= sp + 2 * sizeof(pc); at += sizeof(pc)) {
		if (rshi_load_sig(&w->reader, at, &pc) || !is_behind_call(w, pc))
			continue;
		enter_caller(w, at + sizeof(pc), pc, w->regs.known & PRESERVED_MASK);
		w->guessed++;
		return 0;
	}
	return RSHI_END_NO_CFI;
}

/* A frame without tables: its caller by the frame pointer, if that leads to code of an object. */
static int step_by_frame_pointer(struct walk *w)
{
	uintptr_t sp = w->regs.r[RSHI_SP], fp = w->regs.r[RBP], next, pc;

	/* A call of a function that is not there has done nothing but push the return address. */
	if (w->interrupted && !object_of(w, w->lookup) && !rshi_load_sig(&w->reader, sp, &pc) &&
	    object_of(w, pc - 1)) {
		enter_caller(w, sp + sizeof(pc), pc, PRESERVED_MASK);
		w->guessed++;
		return 0;
	}
	if (object_of(w, w->lookup) && !step_from_start_code(w))
		return 0;
	if (!(w->regs.known >> RBP & 1) || fp < sp || fp > UINTPTR_MAX - 2 * sizeof(fp) ||
	    rshi_load_sig(&w->reader, fp, &next) ||
	    rshi_load_sig(&w->reader, fp + sizeof(fp), &pc) || !object_of(w, pc - 1))
		return RSHI_END_NO_CFI;
	w->regs.r[RBP] = next;
	enter_caller(w, fp + 2 * sizeof(fp), pc, 1u << RBP);
	w->guessed++;
	return 0;
}

/* Where a frame is depends on what this register was, and so on what it was read from. */
static void note_register(struct walk *w, unsigned int reg)
{
	for (unsigned int i = 0; i < sizeof(preserved); i++) {
		if (preserved[i] != reg)
			continue;
		if (w->saved_at[i])
			rshi_trail_read_sig(w->trail, w->saved_at[i], w->regs.r[reg]);
		else
			w->trail->uses_fp = 1; /* the only one that is known from the start on */
	}
}

/* One step by a row that has been found before. */
static int step_by_kept(struct walk *w, const struct rshi_kept_row *row)
{
	unsigned int reg = row->saved >> RSHI_KEPT_CFA_SHIFT & 31;
	uintptr_t cfa, pc;
	uint64_t saved = row->saved & RSHI_KEPT_SAVED;

	if (row->saved & RSHI_KEPT_ROOT)
		return RSHI_END_ROOT;
	if (!(w->regs.known >> reg & 1))
		return RSHI_END_BAD_CFI;
	cfa = w->regs.r[reg] + (uintptr_t)(int32_t)row->cfa;
	if (cfa <= w->regs.r[RSHI_SP] || rshi_load_sig(&w->reader, cfa - sizeof(pc), &pc))
		return RSHI_END_BAD_STACK;
	if (w->trail) {
		note_register(w, reg);
		rshi_trail_read_sig(w->trail, cfa - sizeof(pc), pc);
	}
	for (unsigned int i = 0; saved; i++, saved >>= 8) {
		uintptr_t at = cfa - sizeof(at) * (saved & 0xff);

		if (!(saved & 0xff))
			continue;
		w->saved_at[i] = at;
		if (rshi_load_sig(&w->reader, at, &w->regs.r[preserved[i]]))
			w->regs.known &= ~(1u << preserved[i]);
	}
	enter_caller(w, cfa, pc, w->regs.known & PRESERVED_MASK);
	return 0;
}

/* Keep a row if it is of the kind that three words can say. */
static void keep(const struct rshi_row *row, const struct rshi_fde *fde, uintptr_t pc, uint32_t tag)
{
	struct rshi_kept_row kept;

	if (!tag || row->cfa_is_expression || fde->signal_frame || fde->return_register != RSHI_PC)
		return;
	kept.pc = pc;
	kept.saved = (uint64_t)row->cfa_register << RSHI_KEPT_CFA_SHIFT;
	kept.cfa = (uint64_t)tag << 32 | (uint32_t)row->cfa_value;
	if (row->rule[RSHI_PC] == RSHI_UNDEFINED)
		kept.saved |= RSHI_KEPT_ROOT;
	else if (row->rule[RSHI_PC] != RSHI_AT_OFFSET || row->value[RSHI_PC] != -8)
		return;
	for (unsigned int reg = 0; reg < RSHI_REGS - 1; reg++) {
		if (row->rule[reg] == RSHI_UNSPECIFIED || row->rule[reg] == RSHI_SAME)
			continue;
		if (!(PRESERVED_MASK >> reg & 1) || row->rule[reg] != RSHI_AT_OFFSET ||
		    row->value[reg] >= 0 || row->value[reg] < -8 * 255 || row->value[reg] % 8)
			return;
	}
	for (unsigned int i = 0; i < sizeof(preserved); i++) {
		if (row->rule[preserved[i]] == RSHI_AT_OFFSET)
			kept.saved |= (uint64_t)(row->value[preserved[i]] / -8) << 8 * i;
	}
	rshi_row_keep_sig(&kept);
}

/* What register @reg was in the caller, by its rule; returns an end, or -1 if it is lost. */
static int recover(struct walk *w, const struct rshi_fde *fde, const struct rshi_row *row,
                   unsigned int reg, uintptr_t cfa, uintptr_t *value)
{
	int32_t number = row->value[reg];
	const uint8_t *at = fde->base + number;
	int end;

	switch (row->rule[reg]) {
	case RSHI_AT_OFFSET:
		*value = cfa + (uintptr_t)number;
		break;
	case RSHI_IS_OFFSET:
		*value = cfa + (uintptr_t)number;
		return 0;
	case RSHI_IN_REGISTER:
		if ((unsigned int)number >= RSHI_REGS || !(w->regs.known >> number & 1))
			return -1;
		*value = w->regs.r[number];
		return 0;
	case RSHI_AT_EXPRESSION:
	case RSHI_IS_EXPRESSION:
		*value = cfa;
		end = rshi_expression_sig(at, at + 512, &w->regs, &w->reader, 1, value);
		if (end || row->rule[reg] == RSHI_IS_EXPRESSION)
			return end;
		break;
	case RSHI_UNDEFINED:
		return -1;
	default: /* preserved, if it is a register that functions preserve */
		*value = w->regs.r[reg];
		if (reg == RSHI_SP) {
			*value = cfa;
			return 0;
		}
		return (row->rule[reg] == RSHI_SAME || fde->signal_frame ||
		        PRESERVED_MASK >> reg & 1) &&
		                       w->regs.known >> reg & 1
		               ? 0
		               : -1;
	}
	return rshi_load_sig(&w->reader, *value, value) ? -1 : 0;
}

/* One step by any row. */
static int step_by_row(struct walk *w, const struct rshi_fde *fde, const struct rshi_row *row)
{
	struct rshi_regs caller;
	uintptr_t cfa = 0;
	int end;

	if (fde->return_register != RSHI_PC)
		return RSHI_END_BAD_CFI;
	if (row->rule[RSHI_PC] == RSHI_UNDEFINED)
		return RSHI_END_ROOT;
	if (row->cfa_is_expression) {
		const uint8_t *at = fde->base + row->cfa_value;

		end = rshi_expression_sig(at, at + 512, &w->regs, &w->reader, 0, &cfa);
		if (end)
			return end;
	} else {
		if (!(w->regs.known >> row->cfa_register & 1))
			return RSHI_END_BAD_CFI;
		cfa = w->regs.r[row->cfa_register] + (uintptr_t)row->cfa_value;
	}
	caller.known = 0;
	for (unsigned int reg = 0; reg < RSHI_REGS; reg++) {
		end = recover(w, fde, row, reg, cfa, &caller.r[reg]);
		if (end == 0)
			caller.known |= 1u << reg;
	}
	if (!(caller.known >> RSHI_PC & 1))
		return RSHI_END_BAD_STACK;
	if (!fde->signal_frame && cfa <= w->regs.r[RSHI_SP])
		return RSHI_END_BAD_STACK;
	for (unsigned int reg = 0; reg < RSHI_REGS; reg++)
		w->regs.r[reg] = caller.r[reg];
	enter_caller(w, caller.r[RSHI_SP], caller.r[RSHI_PC], caller.known);
	if (fde->signal_frame)
		enter_interrupted(w);
	return 0;
}

/* Separate, so that its row is not on the stack of the walk. */
static __attribute__((noinline)) int step_by_tables(struct walk *w,
                                                    const struct rshi_object *object)
{
	struct rshi_fde fde;
	struct rshi_row row;
	int end;

	end = rshi_fde_find_sig(object, w->lookup, &fde);
	if (!end)
		end = rshi_row_find_sig(&fde, w->lookup, &row);
	if (end)
		return end;
	keep(&row, &fde, w->lookup, object->tag);
	return step_by_row(w, &fde, &row);
}

/* From a frame to its caller; returns 0, or why there is none. */
static int step(struct walk *w)
{
	const struct rshi_object *object = object_of(w, w->lookup);
	struct rshi_kept_row kept;
	int end;

	if (object && object->tag && rshi_row_recall_sig(w->lookup, object->tag, &kept)) {
		if (w->trail && !object->stays)
			rshi_trail_object_sig(w->trail, w->lookup, object->tag);
		return step_by_kept(w, &kept);
	}
	/* The next walk is likely to find the row. */
	if (w->trail)
		w->trail->n = RSHI_TRAIL_NONE;
	if (!object)
		return step_by_frame_pointer(w);
	end = step_by_tables(w, object);
	if (end != RSHI_END_NO_CFI)
		return end;
	return at_sigreturn(w) ? cross_signal_frame(w) : step_by_frame_pointer(w);
}

/* From where @w starts, whose first pc is a frame's in any case. */
static void walk(struct walk *w, uintptr_t *pcs, size_t limit, struct rshi_stack *stack)
{
	int end = RSHI_END_DEPTH;
	size_t n = 0;

	for (unsigned int i = 0; i < OBJECTS; i++) {
		w->objects[i].start = 0;
		w->objects[i].end = 0;
	}
	w->next = 0;
	w->guessed = 0;
	while (n < limit) {
		pcs[n++] = w->regs.r[RSHI_PC];
		end = step(w);
		if (end)
			break;
		if (!w->regs.r[RSHI_PC]) {
			end = RSHI_END_ROOT;
			break;
		}
		end = RSHI_END_DEPTH;
	}
	stack->n = (uint32_t)n;
	stack->guessed = w->guessed;
	stack->end = (enum rshi_unwind_end)end;
}

void rshi_unwind_sig(const void *ucontext, uintptr_t *pcs, size_t max, struct rshi_stack *stack)
{
	struct walk w;
	size_t limit = max < RSHI_UNWIND_MAX ? max : RSHI_UNWIND_MAX, n;

	n = rshi_traceback_sig(ucontext, pcs, limit);
	if (n) {
		stack->n = (uint32_t)n;
		stack->guessed = 0;
		stack->end = RSHI_END_USER;
		return;
	}
	start(&w, ucontext);
	walk(&w, pcs, limit, stack);
}

void rshi_unwind_trail_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                           struct rshi_stack *stack, struct rshi_trail *trail)
{
	struct rshi_known_stack *known = &rshi_known_stack_sig;
	int is_known = here->sp - known->lo < known->hi - known->lo;
	struct walk w;

	/* Frames whose callers are found by other registers are not worth keeping those around. */
	w.regs.r[RBP] = here->fp;
	w.trail = trail;
	if (trail)
		rshi_trail_start_sig(trail, here->sp);
	for (unsigned int i = 0; i < sizeof(preserved); i++)
		w.saved_at[i] = 0;
	enter_caller(&w, here->sp, here->pc, 1u << RBP);
	rshi_reader_start_sig(&w.reader, here->sp, rshi_thread_pointer());
	if (is_known) {
		w.reader.lo = known->lo;
		w.reader.hi = known->hi;
	}
	walk(&w, pcs, max, stack);
	known->lo = stack->end == RSHI_END_ROOT ? w.reader.lo : 0;
	known->hi = stack->end == RSHI_END_ROOT ? w.reader.hi : 0;
	if (trail && stack->end != RSHI_END_ROOT)
		trail->n = RSHI_TRAIL_NONE;
}

void rshi_unwind_here_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                          struct rshi_stack *stack)
{
	rshi_unwind_trail_sig(here, pcs, max, stack, NULL);
}
