/* SPDX-License-Identifier: BSD-2-Clause */
/* The control: the library's own functions, which tell no detector what they write. */

#include "core/detector.h"

#define rshi_will_write(caller, p, n) ((void)(caller), (void)(p), (void)(n))

#include "heapprof/api.c"
