/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that kill: the last file is written before. */

#include "core/deadly.h"
#include "end.h"

static void write_last(int signo, int dies)
{
	int err = rshi_end_write_sig(dies);

	(void)signo;
	if (err)
		rshi_end_complain_sig(NULL, err);
}

void rshi_end_catch_sig(void)
{
	rshi_deadly_hear_sig(write_last);
}
