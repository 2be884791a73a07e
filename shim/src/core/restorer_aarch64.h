/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_RESTORER_H
#define RSH_CORE_RESTORER_H

/* Where a handler returns to on aarch64 Linux. Included once. */

/* The kernel's own, in the vdso. */
#define RSHI_RESTORER ((void (*)(void))0)

#endif /* RSH_CORE_RESTORER_H */
