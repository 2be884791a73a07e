/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COUNTED_H
#define RSH_COUNTED_H

/*
 * Included ahead of every source of the shim that is compiled with coverage: whatever is linked of
 * it brings the collector along.
 */

extern const char rsh_cover_own_is_here __attribute__((visibility("hidden")));
__attribute__((used)) static const char *const rsh_own_collector = &rsh_cover_own_is_here;

#endif /* RSH_COUNTED_H */
