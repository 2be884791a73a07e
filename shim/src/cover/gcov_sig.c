/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine of gcc's coverage as handlers and the end of the process use it. */

#define LAYOUT   NULL /* units are looked at outside handlers, */
#define IDENTITY NULL /* and meta files written there */
#include "gcov.h"
#include "gcov_engine.h"

const struct rshi_cover_engine *rshi_cover_gcov_sig(void)
{
	return &engine;
}
