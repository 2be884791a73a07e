/* SPDX-License-Identifier: BSD-2-Clause */
/* The source engine as handlers and the end of the process use it. */

#define LAYOUT NULL /* units are looked at outside handlers */
#include "source.h"
#include "source_engine.h"

const struct rshi_cover_engine *rshi_cover_source_sig(void)
{
	return &engine;
}
