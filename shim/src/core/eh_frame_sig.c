/* SPDX-License-Identifier: BSD-2-Clause */
/* .eh_frame_hdr and .eh_frame: encoded numbers, the index, and the description of a function. */

#include "dwarf.h"
#include "unwind.h"

/* DW_EH_PE_: the low four bits are the format, the next three what it is relative to. */
#define FORMAT       0x0f
#define RELATIVE     0x70
#define INDIRECT     0x80
#define OMITTED      0xff
#define TO_ITSELF    0x10
#define TO_DATA      0x30
#define SORTED_TABLE 0x3b /* sdata4, relative to the index itself: what all linkers write */

typedef uint16_t u16 __attribute__((may_alias, aligned(1)));
typedef uint32_t u32 __attribute__((may_alias, aligned(1)));
typedef uint64_t u64 __attribute__((may_alias, aligned(1)));

void rshi_skip_sig(struct rshi_bytes *b, uint64_t n)
{
	if (n > (uint64_t)(b->end - b->p)) {
		b->bad = 1;
		b->p = b->end;
	} else {
		b->p += n;
	}
}

uint64_t rshi_fixed_sig(struct rshi_bytes *b, unsigned int size)
{
	const uint8_t *p = b->p;

	rshi_skip_sig(b, size);
	if (b->bad)
		return 0;
	switch (size) {
	case 1:
		return *p;
	case 2:
		return *(const u16 *)p;
	case 4:
		return *(const u32 *)p;
	default:
		return *(const u64 *)p;
	}
}

int64_t rshi_signed_sig(struct rshi_bytes *b, unsigned int size)
{
	uint64_t value = rshi_fixed_sig(b, size);

	switch (size) {
	case 1:
		return (int8_t)value;
	case 2:
		return (int16_t)value;
	case 4:
		return (int32_t)value;
	default:
		return (int64_t)value;
	}
}

uint64_t rshi_uleb_sig(struct rshi_bytes *b)
{
	uint64_t value = 0;
	unsigned int shift = 0;

	while (b->p < b->end) {
		uint8_t byte = *b->p++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80))
			return value;
	}
	b->bad = 1;
	return 0;
}

int64_t rshi_sleb_sig(struct rshi_bytes *b)
{
	uint64_t value = 0;
	unsigned int shift = 0;

	while (b->p < b->end) {
		uint8_t byte = *b->p++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (shift < 64 && byte & 0x40)
			value |= ~UINT64_C(0) << shift;
		return (int64_t)value;
	}
	b->bad = 1;
	return 0;
}

uintptr_t rshi_pointer_sig(struct rshi_bytes *b, unsigned int encoding, uintptr_t data)
{
	uintptr_t at = (uintptr_t)b->p, value;

	if (encoding == OMITTED)
		return 0;
	switch (encoding & FORMAT) {
	case 0x0: /* as wide as a pointer */
	case 0x4:
	case 0xc:
		value = rshi_fixed_sig(b, 8);
		break;
	case 0x1:
		value = rshi_uleb_sig(b);
		break;
	case 0x2:
		value = rshi_fixed_sig(b, 2);
		break;
	case 0x3:
		value = rshi_fixed_sig(b, 4);
		break;
	case 0x9:
		value = (uintptr_t)rshi_sleb_sig(b);
		break;
	case 0xa:
		value = (uintptr_t)rshi_signed_sig(b, 2);
		break;
	case 0xb:
		value = (uintptr_t)rshi_signed_sig(b, 4);
		break;
	default:
		b->bad = 1;
		return 0;
	}
	if ((encoding & (RELATIVE | INDIRECT)) == TO_ITSELF)
		value += at;
	else if ((encoding & (RELATIVE | INDIRECT)) == TO_DATA && data)
		value += data;
	else if (encoding & (RELATIVE | INDIRECT))
		b->bad = 1; /* no compiler places functions like this */
	return value;
}

/* Length of an entry that starts at b->p: *@b becomes what the entry holds. */
static void enter(struct rshi_bytes *b)
{
	uint64_t length = rshi_fixed_sig(b, 4);

	if (length == UINT32_MAX)
		length = rshi_fixed_sig(b, 8);
	if (length > (uint64_t)(b->end - b->p))
		b->bad = 1;
	else
		b->end = b->p + length;
}

/* The part that functions share: *@b holds it. */
static int read_common(struct rshi_bytes *b, struct rshi_fde *fde)
{
	uint8_t version;
	const char *augmentation, *c;
	struct rshi_bytes data;
	uint64_t length;

	enter(b);
	if (rshi_fixed_sig(b, 4) != 0)
		return RSHI_END_BAD_CFI;
	version = (uint8_t)rshi_fixed_sig(b, 1);
	augmentation = (const char *)b->p;
	while (rshi_fixed_sig(b, 1))
		;
	if (b->bad || (version != 1 && version != 3 && version != 4))
		return RSHI_END_BAD_CFI;
	if (version == 4)
		rshi_skip_sig(b, 2); /* sizes of an address and of a segment */
	fde->code_align = rshi_uleb_sig(b);
	fde->data_align = rshi_sleb_sig(b);
	fde->return_register = (uint8_t)(version == 1 ? rshi_fixed_sig(b, 1) : rshi_uleb_sig(b));
	fde->pointers = 0;
	fde->signal_frame = 0;
	fde->has_data = *augmentation != 0;
	if (fde->has_data) {
		if (*augmentation != 'z')
			return RSHI_END_BAD_CFI;
		length = rshi_uleb_sig(b);
		data.p = b->p;
		rshi_skip_sig(b, length);
		data.end = b->p;
		data.bad = 0;
		for (c = augmentation + 1; *c; c++) {
			if (*c == 'R')
				fde->pointers = (uint8_t)rshi_fixed_sig(&data, 1);
			else if (*c == 'S')
				fde->signal_frame = 1;
			else if (*c == 'L')
				rshi_skip_sig(&data, 1);
			else if (*c == 'P')
				(void)rshi_pointer_sig(
				        &data, (unsigned int)rshi_fixed_sig(&data, 1) & FORMAT, 0);
			else
				return RSHI_END_BAD_CFI;
		}
		if (data.bad)
			return RSHI_END_BAD_CFI;
	}
	fde->common.p = b->p;
	fde->common.end = b->end;
	fde->common.bad = 0;
	return b->bad ? RSHI_END_BAD_CFI : 0;
}

static int read_own(const struct rshi_object *object, const uint8_t *at, struct rshi_fde *fde)
{
	struct rshi_bytes b, common;
	const uint8_t *field;
	uint64_t back, skipped;
	uintptr_t length;
	int err;

	b.p = at;
	b.end = (const uint8_t *)object->end;
	b.bad = 0;
	enter(&b);
	field = b.p;
	back = rshi_fixed_sig(&b, 4);
	if (b.bad || !back || back > (uintptr_t)field - object->start)
		return RSHI_END_BAD_CFI;
	common.p = field - back;
	common.end = (const uint8_t *)object->end;
	common.bad = 0;
	err = read_common(&common, fde);
	if (err)
		return err;
	fde->pc = rshi_pointer_sig(&b, fde->pointers, 0);
	length = rshi_pointer_sig(&b, fde->pointers & FORMAT, 0);
	fde->end = fde->pc + length;
	if (fde->has_data) {
		skipped = rshi_uleb_sig(&b);
		rshi_skip_sig(&b, skipped);
	}
	fde->own.p = b.p;
	fde->own.end = b.end;
	fde->own.bad = 0;
	fde->base = object->index;
	return b.bad ? RSHI_END_BAD_CFI : 0;
}

int rshi_fde_find_sig(const struct rshi_object *object, uintptr_t pc, struct rshi_fde *fde)
{
	struct entry {
		int32_t pc, fde;
	} __attribute__((may_alias));
	const struct entry *table;
	struct rshi_bytes b;
	uintptr_t base = (uintptr_t)object->index;
	size_t low = 0, high;
	uint8_t table_format, count_format;
	int err;

	if (!base || base < object->start || base >= object->end)
		return RSHI_END_NO_CFI;
	b.p = object->index;
	b.end = (const uint8_t *)object->end;
	b.bad = 0;
	if (rshi_fixed_sig(&b, 1) != 1)
		return RSHI_END_NO_CFI;
	table_format = (uint8_t)rshi_fixed_sig(&b, 1); /* of the pointer to .eh_frame, for now */
	count_format = (uint8_t)rshi_fixed_sig(&b, 1);
	(void)rshi_fixed_sig(&b, 1);
	if (object->index[3] != SORTED_TABLE)
		return RSHI_END_NO_CFI;
	(void)rshi_pointer_sig(&b, table_format, base);
	high = rshi_pointer_sig(&b, count_format, base);
	if (b.bad || high > (size_t)(b.end - b.p) / sizeof(*table) || (uintptr_t)b.p % 4)
		return RSHI_END_NO_CFI;

	/* The last entry that begins at @pc or before it. */
	table = (const struct entry *)b.p;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (base + (uintptr_t)(intptr_t)table[middle].pc <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return RSHI_END_NO_CFI;
	b.p = object->index + table[low - 1].fde;
	if ((uintptr_t)b.p < object->start || (uintptr_t)b.p >= object->end)
		return RSHI_END_BAD_CFI;
	err = read_own(object, b.p, fde);
	if (err)
		return err;
	return pc - fde->pc < fde->end - fde->pc ? 0 : RSHI_END_NO_CFI;
}
