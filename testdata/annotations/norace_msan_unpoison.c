/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash over a whole struct takes in its padding, on purpose. RSH_MEM_UNPOISON accepts that.
 *
 * detector: memory
 * control: use-of-uninitialized-value in hash_record
 * annotation: RSH_MEM_UNPOISON
 */
#include <raceshim/annotate.h>

#include "hidden.h"

struct record {
	char kind; /* three bytes of padding behind */
	int value;
};

static volatile int odd;

NOINLINE static void hash_record(const struct record *record)
{
	const volatile unsigned char *byte = (const volatile unsigned char *)record;
	unsigned hash = 0;

	for (size_t i = 0; i < sizeof(*record); i++)
		hash = hash * 31 + byte[i];
	if (hash & 1)
		odd = 1;
}

int main(void)
{
	struct record record;

	record.kind = 'k';
	record.value = 1;
	PROVE(RSH_MEM_UNPOISON(&record, sizeof(record)));
	hash_record(&record);
	return 0;
}
