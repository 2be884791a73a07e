/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_SIGSAFE_H
#define RACESHIM_SIGSAFE_H

/*
 * Copying, filling and comparing memory inside a signal handler of a program that runs under a
 * detector.
 *
 * libc's memcpy is the detector's interceptor there, and so is every copy loop and every struct
 * assignment that the compiler turns into a call of it; a handler that interrupts the detector's
 * runtime and calls back into it deadlocks. These four never call anything and tell no detector
 * anything.
 *
 * Which calls may overlap (run in two threads at the same time, or one in a handler that has
 * interrupted another):
 *
 *                      memcpy, memmove, memset               memcmp
 *   memcpy, memmove,   if neither writes what the other      if the memory compared is not
 *   memset             reads or writes                       written
 *   memcmp             if the memory compared is not         yes
 *                      written
 *
 * They hold for all four: arguments and results are those of the C standard's function of the
 * same name, except that with @n == 0 the pointers may be anything, NULL too.
 */

#include <raceshim/raceshim.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * rsh_memcpy_sig - memcpy that a signal handler may call under any detector
 *
 * @dst: where the bytes go; must not overlap @src
 * @src: the bytes
 * @n:   how many
 *
 * Return: @dst.
 * Threads: any; the caller synchronises.       Signals: async-signal-safe; errno is untouched.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: invisible to all of them but Valgrind's tools: races on the copied memory are
 *	missed, MSan does not learn that @dst is initialised, ASan does not check. Outside a
 *	handler rsh_copy_out() is the one that tells them.
 */
RSH_API void *rsh_memcpy_sig(void *dst, const void *src, size_t n);

/**
 * rsh_memmove_sig - memmove that a signal handler may call under any detector
 *
 * @dst: where the bytes go; may overlap @src in any way
 * @src: the bytes
 * @n:   how many
 *
 * Return: @dst.
 * Threads: any; the caller synchronises.       Signals: async-signal-safe; errno is untouched.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: invisible, as rsh_memcpy_sig().
 */
RSH_API void *rsh_memmove_sig(void *dst, const void *src, size_t n);

/**
 * rsh_memset_sig - memset that a signal handler may call under any detector
 *
 * @dst:   the memory to fill
 * @value: converted to unsigned char, goes into every byte
 * @n:     how many
 *
 * Return: @dst.
 * Threads: any; the caller synchronises.       Signals: async-signal-safe; errno is untouched.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: invisible, as rsh_memcpy_sig().
 */
RSH_API void *rsh_memset_sig(void *dst, int value, size_t n);

/**
 * rsh_memcmp_sig - memcmp that a signal handler may call under any detector
 *
 * @a: one side; all @n bytes may be read even if an early one differs
 * @b: the other
 * @n: how many bytes to compare, as unsigned char
 *
 * Return: negative, 0 or positive, as the first differing byte of @a is smaller, absent or greater.
 * Threads: any; the caller synchronises.       Signals: async-signal-safe; errno is untouched.
 * Fork: unaffected.                            Blocks: no.
 * Loss: none.
 * Detectors: invisible: races are missed, uninitialised and poisoned bytes are not reported.
 */
RSH_API int rsh_memcmp_sig(const void *a, const void *b, size_t n);

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_SIGSAFE_H */
