/* SPDX-License-Identifier: BSD-2-Clause */
/* Version and error texts. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrordesc_np */
#endif

#include <errno.h>
#include <string.h>

#include <raceshim/raceshim.h>

const char *rsh_version(void)
{
	return RSH_VERSION;
}

const char *rsh_strerror(int err)
{
	const char *libc;

	switch (err) {
	case 0:
		return "success";
	case RSH_ENOWRITER:
		return "no writer: pass a struct rsh_writer whose write function is set";
	case RSH_EMISALIGNED:
		return "misaligned address: what is read or written atomically has to be aligned "
		       "to "
		       "its size";
	case RSH_ENOTCOVERED:
		return "program not built with coverage: build it with raceshim cc "
		       "--cover=atomic, or register counters with rsh_cover_register";
	case RSH_ECOVERMODE:
		return "coverage counters of mode count can be read and cleared at once by nobody: "
		       "build with raceshim cc --cover=atomic";
	case RSH_ECOVERLAYOUT:
		return "coverage counters are not where the compiler's records say: compile and "
		       "link everything with one clang, and the registration with the same";
	case RSH_ECPUPROFRATE:
		return "clock too slow for this rate: ask for fewer samples a second, or for "
		       "RSH_CPUPROF_AUTO, which takes what there is";
	case RSH_EHEAPSOURCE:
		return "nobody tells of allocations in this program: preload libraceshim-heap.so, "
		       "link it, or build with a sanitizer";
	case EINVAL:
		return "invalid argument: see the function's contract in its header for the values "
		       "it takes";
	case ENOMEM:
		return "out of memory: raise the process's limit (ulimit -v) or ask for less";
	case EOVERFLOW:
		return "size overflow: the length asked for does not fit into memory, check how it "
		       "was computed";
	default:
		/* Constant texts, where strerror may use a buffer. */
		libc = strerrordesc_np(err);
		return libc ? libc : "unknown error: no function of this library returns it";
	}
}
