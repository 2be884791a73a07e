/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rsh_heapprof_read() without what it tells the detector: it fills memory that only this file knows,
 * from where uninstrumented code copies it (`uninstrumented: unannotated.c`).
 */
#ifndef UNANNOTATED_H
#define UNANNOTATED_H

#include <raceshim/heapprof.h>

int unannotated_read(struct rsh_heap_record *records, size_t n, size_t *got);

#endif
