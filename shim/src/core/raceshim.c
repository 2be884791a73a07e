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
