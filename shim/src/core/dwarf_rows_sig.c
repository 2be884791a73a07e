/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs in .eh_frame: run up to a pc, they leave the rules that hold there. */

#include <raceshim/sigsafe.h>

#include "dwarf.h"
#include "unwind.h"

/* How many rows may be remembered at a time; compilers need one or two. */
#define REMEMBERED 4

/* DW_CFA_: the first three carry a number in their low six bits. */
enum {
	ADVANCE = 0x40,
	OFFSET = 0x80,
	RESTORE = 0xc0,
	NOP = 0x00,
	SET_LOC = 0x01,
	ADVANCE1 = 0x02,
	ADVANCE2 = 0x03,
	ADVANCE4 = 0x04,
	OFFSET_EXTENDED = 0x05,
	RESTORE_EXTENDED = 0x06,
	UNDEFINED = 0x07,
	SAME_VALUE = 0x08,
	REGISTER = 0x09,
	REMEMBER = 0x0a,
	RESTORE_STATE = 0x0b,
	DEF_CFA = 0x0c,
	DEF_CFA_REGISTER = 0x0d,
	DEF_CFA_OFFSET = 0x0e,
	DEF_CFA_EXPRESSION = 0x0f,
	EXPRESSION = 0x10,
	OFFSET_EXTENDED_SF = 0x11,
	DEF_CFA_SF = 0x12,
	DEF_CFA_OFFSET_SF = 0x13,
	VAL_OFFSET = 0x14,
	VAL_OFFSET_SF = 0x15,
	VAL_EXPRESSION = 0x16,
	GNU_ARGS_SIZE = 0x2e,
	GNU_NEGATIVE_OFFSET = 0x2f,
};

struct machine {
	const struct rshi_fde *fde;
	uintptr_t loc, pc;
	struct rshi_row *row;
	const struct rshi_row *initial; /* NULL while the shared part runs */
	struct rshi_row *remembered;
	unsigned int depth;
	int bad;
};

/* Registers beyond those that are tracked, as vector ones, are nobody's stack pointer. */
static void set_rule(struct machine *m, uint64_t reg, enum rshi_rule rule, int64_t value)
{
	if (reg >= RSHI_REGS)
		return;
	if (value != (int32_t)value)
		m->bad = 1;
	m->row->rule[reg] = (uint8_t)rule;
	m->row->value[reg] = (int32_t)value;
}

static void restore_rule(struct machine *m, uint64_t reg)
{
	if (reg >= RSHI_REGS)
		return;
	if (!m->initial) {
		m->bad = 1;
		return;
	}
	m->row->rule[reg] = m->initial->rule[reg];
	m->row->value[reg] = m->initial->value[reg];
}

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	if (reg >= RSHI_REGS || offset != (int32_t)offset)
		m->bad = 1;
	m->row->cfa_register = (uint8_t)reg;
	m->row->cfa_value = (int32_t)offset;
	m->row->cfa_is_expression = 0;
}

/* Where an expression begins, and step over it. */
static int64_t expression(struct machine *m, struct rshi_bytes *b)
{
	int64_t at = b->p - m->fde->base;
	uint64_t length = rshi_uleb_sig(b);

	rshi_skip_sig(b, length);
	return at;
}

static void remember(struct machine *m)
{
	if (m->depth == REMEMBERED) {
		m->bad = 1;
		return;
	}
	rsh_memcpy_sig(&m->remembered[m->depth++], m->row, sizeof(*m->row));
}

static void restore_state(struct machine *m)
{
	if (!m->depth) {
		m->bad = 1;
		return;
	}
	rsh_memcpy_sig(m->row, &m->remembered[--m->depth], sizeof(*m->row));
}

/* The instructions that name a register first. */
static void run_register(struct machine *m, struct rshi_bytes *b, unsigned int op)
{
	uint64_t reg = rshi_uleb_sig(b);
	int64_t align = m->fde->data_align;

	switch (op) {
	case OFFSET_EXTENDED:
		set_rule(m, reg, RSHI_AT_OFFSET, (int64_t)rshi_uleb_sig(b) * align);
		break;
	case OFFSET_EXTENDED_SF:
		set_rule(m, reg, RSHI_AT_OFFSET, rshi_sleb_sig(b) * align);
		break;
	case GNU_NEGATIVE_OFFSET:
		set_rule(m, reg, RSHI_AT_OFFSET, -((int64_t)rshi_uleb_sig(b) * align));
		break;
	case VAL_OFFSET:
		set_rule(m, reg, RSHI_IS_OFFSET, (int64_t)rshi_uleb_sig(b) * align);
		break;
	case VAL_OFFSET_SF:
		set_rule(m, reg, RSHI_IS_OFFSET, rshi_sleb_sig(b) * align);
		break;
	case RESTORE_EXTENDED:
		restore_rule(m, reg);
		break;
	case UNDEFINED:
		set_rule(m, reg, RSHI_UNDEFINED, 0);
		break;
	case SAME_VALUE:
		set_rule(m, reg, RSHI_SAME, 0);
		break;
	case REGISTER:
		set_rule(m, reg, RSHI_IN_REGISTER, (int64_t)rshi_uleb_sig(b));
		break;
	case EXPRESSION:
		set_rule(m, reg, RSHI_AT_EXPRESSION, expression(m, b));
		break;
	case VAL_EXPRESSION:
		set_rule(m, reg, RSHI_IS_EXPRESSION, expression(m, b));
		break;
	case DEF_CFA:
		set_cfa(m, reg, (int64_t)rshi_uleb_sig(b));
		break;
	case DEF_CFA_SF:
		set_cfa(m, reg, rshi_sleb_sig(b) * align);
		break;
	case DEF_CFA_REGISTER:
		set_cfa(m, reg, m->row->cfa_value);
		break;
	default:
		m->bad = 1;
	}
}

static void advance(struct machine *m, uint64_t delta)
{
	m->loc += delta * m->fde->code_align;
}

static void run_one(struct machine *m, struct rshi_bytes *b, unsigned int op)
{
	switch (op) {
	case NOP:
		break;
	case SET_LOC:
		m->loc = rshi_pointer_sig(b, m->fde->pointers, 0);
		break;
	case ADVANCE1:
		advance(m, rshi_fixed_sig(b, 1));
		break;
	case ADVANCE2:
		advance(m, rshi_fixed_sig(b, 2));
		break;
	case ADVANCE4:
		advance(m, rshi_fixed_sig(b, 4));
		break;
	case REMEMBER:
		remember(m);
		break;
	case RESTORE_STATE:
		restore_state(m);
		break;
	case DEF_CFA_OFFSET:
		set_cfa(m, m->row->cfa_register, (int64_t)rshi_uleb_sig(b));
		break;
	case DEF_CFA_OFFSET_SF:
		set_cfa(m, m->row->cfa_register, rshi_sleb_sig(b) * m->fde->data_align);
		break;
	case DEF_CFA_EXPRESSION:
		m->row->cfa_value = (int32_t)expression(m, b);
		m->row->cfa_is_expression = 1;
		break;
	case GNU_ARGS_SIZE:
		(void)rshi_uleb_sig(b);
		break;
	default:
		run_register(m, b, op);
	}
}

/* Run *@b until it ends or the next row would begin beyond the pc. */
static void run(struct machine *m, struct rshi_bytes *b)
{
	while (b->p < b->end && m->loc <= m->pc && !m->bad && !b->bad) {
		unsigned int op = *b->p++, low = op & 0x3f;

		switch (op & 0xc0) {
		case ADVANCE:
			advance(m, low);
			break;
		case OFFSET:
			set_rule(m, low, RSHI_AT_OFFSET,
			         (int64_t)rshi_uleb_sig(b) * m->fde->data_align);
			break;
		case RESTORE:
			restore_rule(m, low);
			break;
		default:
			run_one(m, b, op);
		}
	}
	m->bad |= b->bad;
}

int rshi_row_find_sig(const struct rshi_fde *fde, uintptr_t pc, struct rshi_row *row)
{
	struct rshi_row initial, remembered[REMEMBERED];
	struct rshi_bytes b;
	struct machine m;

	m.fde = fde;
	m.loc = fde->pc;
	m.pc = pc;
	m.row = row;
	m.initial = NULL;
	m.remembered = remembered;
	m.depth = 0;
	m.bad = 0;
	rsh_memset_sig(row, 0, sizeof(*row));

	b.p = fde->common.p;
	b.end = fde->common.end;
	b.bad = 0;
	run(&m, &b);
	rsh_memcpy_sig(&initial, row, sizeof(initial));
	m.initial = &initial;

	b.p = fde->own.p;
	b.end = fde->own.end;
	run(&m, &b);
	return m.bad ? RSHI_END_BAD_CFI : 0;
}
