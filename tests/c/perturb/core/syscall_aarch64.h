/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/syscall_x86_64.h" /* the same, on whichever processor */
