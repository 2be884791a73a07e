/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which detectors watch this translation unit, as constants 0 or 1.
 *
 * The only place that asks the compiler. RSH_HAS_TSAN, RSH_HAS_MSAN, RSH_HAS_ASAN and
 * RSH_HAS_HWASAN say how this translation unit is built. RSH_HAS_VALGRIND is a promise of the
 * user: client requests cost instructions in every run, inside Valgrind or not, so they are
 * compiled in only where RSH_VALGRIND is defined (-DRSH_VALGRIND).
 */
#ifndef RACESHIM_DETECT_H
#define RACESHIM_DETECT_H

#if defined(__has_feature)
#define RSHI_HAS_FEATURE(feature) __has_feature(feature)
#else
#define RSHI_HAS_FEATURE(feature) 0
#endif

#if RSHI_HAS_FEATURE(thread_sanitizer) || defined(__SANITIZE_THREAD__)
#define RSH_HAS_TSAN 1
#else
#define RSH_HAS_TSAN 0
#endif

#if RSHI_HAS_FEATURE(memory_sanitizer)
#define RSH_HAS_MSAN 1
#else
#define RSH_HAS_MSAN 0
#endif

#if RSHI_HAS_FEATURE(address_sanitizer) || defined(__SANITIZE_ADDRESS__)
#define RSH_HAS_ASAN 1
#else
#define RSH_HAS_ASAN 0
#endif

#if RSHI_HAS_FEATURE(hwaddress_sanitizer) || defined(__SANITIZE_HWADDRESS__)
#define RSH_HAS_HWASAN 1
#else
#define RSH_HAS_HWASAN 0
#endif

#if defined(RSH_VALGRIND)
#define RSH_HAS_VALGRIND 1
#else
#define RSH_HAS_VALGRIND 0
#endif

/*
 * Language and compiler differences that the other headers need. A function that a detector's
 * runtime calls while it reports must not be instrumented: clang's no_sanitize("thread") still
 * instruments atomics and function entry, gcc has no disable_sanitizer_instrumentation.
 */
#if defined(__cplusplus)
#define RSHI_EXTERN_C                       extern "C"
#define RSHI_EXTERN_C_BEGIN                 extern "C" {
#define RSHI_EXTERN_C_END                   }
#define RSHI_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define RSHI_EXTERN_C extern
#define RSHI_EXTERN_C_BEGIN
#define RSHI_EXTERN_C_END
#define RSHI_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#if defined(__clang__)
#define RSHI_UNINSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#else
#define RSHI_UNINSTRUMENTED __attribute__((no_sanitize("all"), noinline))
#endif

#define RSHI_INLINE static inline __attribute__((always_inline, unused))

/*
 * Bind a C name to a runtime's symbol. The name in C differs from the symbol on purpose: gcc has
 * built-in prototypes of its own for many __tsan_* names, and a declaration that differs from
 * them is a warning. A direct call, without a wrapper around it, is what makes the user's own
 * function and line frame #0 of a report: gcc's symbolizer shows inlined wrappers as frames.
 */
#define RSHI_RUNTIME(type, name, params, symbol) RSHI_EXTERN_C type name params __asm__(symbol)

/*
 * A call that is not the last instruction of its function: a compiler would make a jump of it, and
 * the report would name the caller of the user's function.
 */
#define RSHI_KEEP_FRAME(call)                                                                      \
	__extension__({                                                                            \
		call;                                                                              \
		__asm__ volatile("");                                                              \
	})

#endif
