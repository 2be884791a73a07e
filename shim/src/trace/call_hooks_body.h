/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in front of each call: included once by each file that has hooks, which defines
 *
 *   RSHI_DECLARE(type, name, symbol, parameters)  whatever comes before the hook
 *   RSHI_NAME(name)                               what the hook is called
 *   RSHI_NEXT(name)                               what it goes on to
 *   RSHI_PUSH(pc), RSHI_POP()                     around a call that is noted
 *
 * Without a trace that asks for calls a hook jumps: whoever comes next finds the caller's address and
 * no other. They use what any source of calls does.
 */

#include <raceshim/trace.h>

#include "call_functions.h"

static struct rsh_trace_source source;

#define RSHI_CALL(type, name, parameters, arguments, of)                                           \
	RSHI_HOOK_OF(type, name, #name, #name, RSHI_PARTS(parameters), RSHI_PARTS(arguments), of)
#define RSHI_CHECKED(type, name, parameters, arguments, of)                                        \
	RSHI_HOOK_OF(type, name##_chk, "__" #name "_chk", #name, RSHI_PARTS(parameters),           \
	             RSHI_PARTS(arguments), of)

#define RSHI_HOOK_OF(type, name, symbol, text, parameters, arguments, of)                          \
	RSHI_DECLARE(type, name, symbol, RSHI_PARTS(parameters))                                   \
	__attribute__((noinline)) static type rshi_noted_##name(parameters)                        \
	{                                                                                          \
		static struct rsh_trace_name called = {text, 0};                                   \
		void *pc = __builtin_return_address(0);                                            \
		uint64_t call = rsh_trace_call_sig(&called, (uint64_t)(of));                       \
		type result;                                                                       \
                                                                                                   \
		if (!call)                                                                         \
			return RSHI_NEXT(name)(arguments);                                         \
		RSHI_PUSH(pc);                                                                     \
		result = RSHI_NEXT(name)(arguments);                                               \
		RSHI_POP();                                                                        \
		rsh_trace_call_end_sig(call);                                                      \
		return result;                                                                     \
	}                                                                                          \
	type RSHI_NAME(name)(parameters)                                                           \
	{                                                                                          \
		if (rsh_trace_source_is_on(&source))                                               \
			return rshi_noted_##name(arguments);                                       \
		return RSHI_NEXT(name)(arguments);                                                 \
	}

RSHI_CALLS
