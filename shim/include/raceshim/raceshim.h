/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_RACESHIM_H
#define RACESHIM_RACESHIM_H

/*
 * What every part of libraceshim has in common: version, error codes, and the copy-out that
 * shows how the library treats memory of its caller.
 *
 * Which calls may overlap, that is, run in two threads at the same time:
 *
 *                    version       strerror      copy_out
 *   rsh_version      yes           yes           yes
 *   rsh_strerror     yes           yes           yes
 *   rsh_copy_out     yes           yes           if the destinations are disjoint
 */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The one source of the version: CMake and the Python package read this line. */
#define RSH_VERSION "0.1.0"

/* The only symbols that libraceshim exports. */
#define RSH_API __attribute__((visibility("default")))

/*
 * Errors of libraceshim's own. Every function returns 0, one of these (negative), or a positive
 * errno constant; errno itself carries no news. rsh_strerror() says what to do about each.
 */
#define RSH_ENOWRITER    (-1) /* there is no writer, or its write function is NULL */
#define RSH_EMISALIGNED  (-2) /* an address cannot be read or written atomically */
#define RSH_ENOTCOVERED  (-3) /* nothing in the program counts */
#define RSH_ECOVERMODE   (-4) /* the call needs counters of another mode */
#define RSH_ECOVERLAYOUT (-5) /* counters are not where the compiler's records say */
#define RSH_ECPUPROFRATE (-6) /* the clock cannot tick so often */
#define RSH_EHEAPSOURCE  (-7) /* nobody tells of allocations */

/**
 * rsh_version - version of the library that is linked
 *
 * Differs from RSH_VERSION where a program was compiled against another version's headers than
 * the library it runs with.
 *
 * Return: "MAJOR.MINOR.PATCH", never NULL; valid for ever.
 * Threads: any.                                Signals: async-signal-safe.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated, the text is constant.
 */
RSH_API const char *rsh_version(void);

/**
 * rsh_strerror - what a return value means and what to do about it
 *
 * @err: what a function of this library returned: 0, an errno constant, or RSH_E*
 *
 * Return: one line of text without a full stop, never NULL; valid for ever.
 * Threads: any.                                Signals: async-signal-safe.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: nothing is annotated, the texts are constant.
 */
RSH_API const char *rsh_strerror(int err);

/**
 * rsh_copy_out - the library writes into memory of its caller
 *
 * Copies @n bytes from @src to @dst the way every function of this library fills a caller's
 * buffer: the detector is told what is about to be written, and on whose behalf, although neither
 * the detector nor the compiler can see the copy itself. A caller that forgot to synchronise its
 * buffer hears about it exactly as if it had written the buffer by itself.
 *
 * @dst: where the bytes go; must not overlap @src; anything, if @n is 0
 * @src: the bytes; they count as the library's own: not annotated, and taken as initialised
 * @n:   how many
 *
 * Return: 0; EINVAL (@dst or @src is NULL and @n is not 0), and nothing is written.
 * Threads: any; the caller synchronises @dst.  Signals: not async-signal-safe.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: TSan: one write of @n bytes in rsh_copy_out, called from the caller; no
 *	happens-before edge. MSan: @dst becomes initialised. ASan: a poisoned byte of @dst is
 *	reported in the caller's frame, then written as an instrumented memcpy would. A caller
 *	compiled without frame pointers, or that reaches this function by a tail call, may be
 *	missing from the stack. Valgrind's tools see the copy by themselves.
 */
RSH_API int rsh_copy_out(void *dst, const void *src, size_t n);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_RACESHIM_H */
