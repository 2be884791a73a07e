/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions in unwind tables: PLT entries, realigned stacks and signal frames are described so. */

#include "dwarf.h"
#include "unwind.h"

#define STACK_WORDS 16
#define STEPS_MAX   256 /* expressions may branch back */

/* DW_OP_ */
enum {
	ADDR = 0x03,
	DEREF = 0x06,
	CONST1U = 0x08,
	CONST1S = 0x09,
	CONST2U = 0x0a,
	CONST2S = 0x0b,
	CONST4U = 0x0c,
	CONST4S = 0x0d,
	CONST8U = 0x0e,
	CONST8S = 0x0f,
	CONSTU = 0x10,
	CONSTS = 0x11,
	DUP = 0x12,
	DROP = 0x13,
	OVER = 0x14,
	PICK = 0x15,
	SWAP = 0x16,
	ROT = 0x17,
	ABS = 0x19,
	AND = 0x1a,
	DIV = 0x1b,
	MINUS = 0x1c,
	MOD = 0x1d,
	MUL = 0x1e,
	NEG = 0x1f,
	NOT = 0x20,
	OR = 0x21,
	PLUS = 0x22,
	PLUS_UCONST = 0x23,
	SHL = 0x24,
	SHR = 0x25,
	SHRA = 0x26,
	XOR = 0x27,
	BRA = 0x28,
	EQ = 0x29,
	GE = 0x2a,
	GT = 0x2b,
	LE = 0x2c,
	LT = 0x2d,
	NE = 0x2e,
	SKIP = 0x2f,
	LIT0 = 0x30,
	LIT31 = 0x4f,
	REG0 = 0x50,
	REG31 = 0x6f,
	BREG0 = 0x70,
	BREG31 = 0x8f,
	BREGX = 0x92,
	DEREF_SIZE = 0x94,
	NOP = 0x96,
};

struct machine {
	struct rshi_bytes b;
	const uint8_t *start;
	const struct rshi_regs *regs;
	struct rshi_reader *reader;
	uintptr_t stack[STACK_WORDS];
	unsigned int n;
	int end; /* 0, or an enum rshi_unwind_end */
};

static void push(struct machine *m, uintptr_t value)
{
	if (m->n == STACK_WORDS)
		m->end = RSHI_END_BAD_CFI;
	else
		m->stack[m->n++] = value;
}

static uintptr_t pop(struct machine *m)
{
	if (!m->n) {
		m->end = RSHI_END_BAD_CFI;
		return 0;
	}
	return m->stack[--m->n];
}

/* The word that is @depth below the top. */
static void pick(struct machine *m, uint64_t depth)
{
	if (depth >= m->n)
		m->end = RSHI_END_BAD_CFI;
	else
		push(m, m->stack[m->n - 1 - depth]);
}

static void push_register(struct machine *m, uint64_t reg, int64_t offset)
{
	if (reg >= RSHI_REGS || !(m->regs->known >> reg & 1))
		m->end = RSHI_END_BAD_CFI;
	else
		push(m, m->regs->r[reg] + (uintptr_t)offset);
}

/* Memory of the program's: words are read whole, for those can be checked. */
static void load(struct machine *m, unsigned int size)
{
	uintptr_t at = pop(m), value = 0;
	unsigned int shift = at % sizeof(uintptr_t);

	if (!size || size > sizeof(uintptr_t) - shift) {
		m->end = RSHI_END_BAD_CFI;
		return;
	}
	if (rshi_load_sig(m->reader, at - shift, &value))
		m->end = RSHI_END_BAD_STACK;
	value >>= 8 * shift;
	if (size < sizeof(uintptr_t))
		value &= ((uintptr_t)1 << 8 * size) - 1;
	push(m, value);
}

static void jump(struct machine *m, int64_t by)
{
	if (by < m->start - m->b.p || by > m->b.end - m->b.p)
		m->end = RSHI_END_BAD_CFI;
	else
		m->b.p += by;
}

static uintptr_t binary(struct machine *m, unsigned int op, uintptr_t a, uintptr_t b)
{
	intptr_t sa = (intptr_t)a, sb = (intptr_t)b;

	switch (op) {
	case AND:
		return a & b;
	case DIV:
	case MOD:
		if (!b || (sb == -1 && sa == INTPTR_MIN)) {
			m->end = RSHI_END_BAD_CFI;
			return 0;
		}
		return op == DIV ? (uintptr_t)(sa / sb) : a % b;
	case MINUS:
		return a - b;
	case MUL:
		return a * b;
	case OR:
		return a | b;
	case PLUS:
		return a + b;
	case SHL:
		return b < 64 ? a << b : 0;
	case SHR:
		return b < 64 ? a >> b : 0;
	case SHRA:
		return (uintptr_t)(sa >> (b < 64 ? b : 63));
	case XOR:
		return a ^ b;
	case EQ:
		return a == b;
	case GE:
		return sa >= sb;
	case GT:
		return sa > sb;
	case LE:
		return sa <= sb;
	case LT:
		return sa < sb;
	case NE:
		return a != b;
	default:
		m->end = RSHI_END_BAD_CFI;
		return 0;
	}
}

static void run_constant(struct machine *m, unsigned int op)
{
	unsigned int size = 1u << (op - CONST1U) / 2;

	if (op == CONSTU)
		push(m, rshi_uleb_sig(&m->b));
	else if (op == CONSTS)
		push(m, (uintptr_t)rshi_sleb_sig(&m->b));
	else if (op & 1)
		push(m, (uintptr_t)rshi_signed_sig(&m->b, size));
	else
		push(m, rshi_fixed_sig(&m->b, size));
}

static void run_stack(struct machine *m, unsigned int op)
{
	uintptr_t a, b, c;

	switch (op) {
	case DUP:
		pick(m, 0);
		break;
	case DROP:
		(void)pop(m);
		break;
	case OVER:
		pick(m, 1);
		break;
	case PICK:
		pick(m, rshi_fixed_sig(&m->b, 1));
		break;
	case SWAP:
		a = pop(m);
		b = pop(m);
		push(m, a);
		push(m, b);
		break;
	default: /* ROT: the top goes below the two others */
		a = pop(m);
		b = pop(m);
		c = pop(m);
		push(m, a);
		push(m, c);
		push(m, b);
	}
}

static void run_other(struct machine *m, unsigned int op)
{
	uintptr_t a, b;
	int64_t by;

	switch (op) {
	case ADDR:
		push(m, rshi_fixed_sig(&m->b, 8));
		break;
	case DEREF:
		load(m, sizeof(uintptr_t));
		break;
	case DEREF_SIZE:
		load(m, (unsigned int)rshi_fixed_sig(&m->b, 1));
		break;
	case ABS:
		a = pop(m);
		push(m, (intptr_t)a < 0 ? 0 - a : a);
		break;
	case NEG:
		push(m, 0 - pop(m));
		break;
	case NOT:
		push(m, ~pop(m));
		break;
	case PLUS_UCONST:
		a = pop(m);
		push(m, a + rshi_uleb_sig(&m->b));
		break;
	case BRA:
		by = rshi_signed_sig(&m->b, 2);
		if (pop(m))
			jump(m, by);
		break;
	case SKIP:
		by = rshi_signed_sig(&m->b, 2);
		jump(m, by);
		break;
	case BREGX:
		a = rshi_uleb_sig(&m->b);
		push_register(m, a, rshi_sleb_sig(&m->b));
		break;
	case NOP:
		break;
	default:
		b = pop(m);
		a = pop(m);
		push(m, binary(m, op, a, b));
	}
}

int rshi_expression_sig(const uint8_t *at, const uint8_t *end, const struct rshi_regs *regs,
                        struct rshi_reader *reader, int pushed, uintptr_t *result)
{
	struct machine m;
	uint64_t length;

	m.b.p = at;
	m.b.end = end;
	m.b.bad = 0;
	m.regs = regs;
	m.reader = reader;
	m.n = 0;
	m.end = 0;
	length = rshi_uleb_sig(&m.b);
	if (m.b.bad || length > (uint64_t)(m.b.end - m.b.p))
		return RSHI_END_BAD_CFI;
	m.b.end = m.b.p + length;
	m.start = m.b.p;
	if (pushed)
		push(&m, *result);

	for (int steps = 0; m.b.p < m.b.end && !m.end; steps++) {
		unsigned int op = *m.b.p++;

		if (steps == STEPS_MAX)
			return RSHI_END_BAD_CFI;
		if (op >= LIT0 && op <= LIT31)
			push(&m, op - LIT0);
		else if (op >= BREG0 && op <= BREG31)
			push_register(&m, op - BREG0, rshi_sleb_sig(&m.b));
		else if (op >= REG0 && op <= REG31)
			push_register(&m, op - REG0, 0);
		else if (op >= CONST1U && op <= CONSTS)
			run_constant(&m, op);
		else if (op >= DUP && op <= ROT)
			run_stack(&m, op);
		else
			run_other(&m, op);
	}
	if (m.b.bad)
		return RSHI_END_BAD_CFI;
	*result = pop(&m);
	return m.end;
}
