/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_DWARF_H
#define RSH_CORE_DWARF_H

/*
 * Unwind tables: from a pc in an object to the rules by which its caller's registers are found.
 *
 * The tables are the linker's and are trusted to be well-formed; all the same no number in them
 * leads outside of the object, and what makes no sense is an error.
 */

#include <stddef.h>
#include <stdint.h>

#include "unwind_read.h"

#define RSHI_REGS 17 /* x86-64: 16 registers and the return address */
#define RSHI_SP   7
#define RSHI_PC   16

/* A loaded object, as far as the walk cares. */
struct rshi_object {
	uintptr_t start, end; /* the object's addresses */
	const uint8_t *index; /* .eh_frame_hdr; NULL if there is none */
	uint32_t tag;         /* tells it from others that were there before; 0: do not remember */
	uint32_t stays;       /* never unloaded: the main program, libc */
};

/* The object that @pc is in; returns 0, or RSHI_END_NO_CFI if it is in none. */
int rshi_object_find_sig(uintptr_t pc, struct rshi_object *object);

/* Bytes of a table that are left to be read; @bad once a read has gone past the end. */
struct rshi_bytes {
	const uint8_t *p, *end;
	int bad;
};

/* What covers a pc: the description of a function and what it shares with others. */
struct rshi_fde {
	uintptr_t pc, end; /* the function's addresses */
	struct rshi_bytes common;
	struct rshi_bytes own;
	uint64_t code_align;
	int64_t data_align;
	const uint8_t *base; /* what a row's expressions are relative to */
	uint8_t return_register;
	uint8_t pointers;     /* how pointers in the program are encoded */
	uint8_t signal_frame; /* its callers were not calling, but interrupted */
	uint8_t has_data;     /* in front of its own rules is data for exceptions */
};

/* How a register of the caller is found; VALUE is the row's, CFA the caller's stack pointer. */
enum rshi_rule {
	RSHI_UNSPECIFIED,
	RSHI_UNDEFINED,
	RSHI_SAME,
	RSHI_AT_OFFSET,     /* at CFA + VALUE */
	RSHI_IS_OFFSET,     /* CFA + VALUE */
	RSHI_IN_REGISTER,   /* in register VALUE */
	RSHI_AT_EXPRESSION, /* at what the expression at base + VALUE gives */
	RSHI_IS_EXPRESSION, /* what the expression at base + VALUE gives */
};

struct rshi_row {
	int32_t cfa_value; /* offset from @cfa_register, or an expression */
	uint8_t cfa_register;
	uint8_t cfa_is_expression;
	uint8_t rule[RSHI_REGS];
	int32_t value[RSHI_REGS];
};

/* Registers of a frame. */
struct rshi_regs {
	uintptr_t r[RSHI_REGS];
	uint32_t known; /* a bit each */
};

uint64_t rshi_uleb_sig(struct rshi_bytes *b);
int64_t rshi_sleb_sig(struct rshi_bytes *b);
uint64_t rshi_fixed_sig(struct rshi_bytes *b, unsigned int size);
int64_t rshi_signed_sig(struct rshi_bytes *b, unsigned int size);

/* A pointer encoded as @encoding, a DW_EH_PE_; relative to @data if it says so. */
uintptr_t rshi_pointer_sig(struct rshi_bytes *b, unsigned int encoding, uintptr_t data);

/* Skip @n bytes. */
void rshi_skip_sig(struct rshi_bytes *b, uint64_t n);

/* Find what describes @pc in @object; these return 0 or an enum rshi_unwind_end. */
int rshi_fde_find_sig(const struct rshi_object *object, uintptr_t pc, struct rshi_fde *fde);

/* The rules at @pc, which @fde covers. */
int rshi_row_find_sig(const struct rshi_fde *fde, uintptr_t pc, struct rshi_row *row);

/* Run the expression at @at (length first) on a stack that holds *@result, if @pushed. */
int rshi_expression_sig(const uint8_t *at, const uint8_t *end, const struct rshi_regs *regs,
                        struct rshi_reader *reader, int pushed, uintptr_t *result);

#endif /* RSH_CORE_DWARF_H */
