/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_GCOV_ENGINE_H
#define RSH_COVER_GCOV_ENGINE_H

#include "unit.h"

const struct rshi_cover_engine *rshi_cover_gcov_sig(void);

#endif /* RSH_COVER_GCOV_ENGINE_H */
