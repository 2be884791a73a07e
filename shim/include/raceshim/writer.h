/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RACESHIM_WRITER_H
#define RACESHIM_WRITER_H

/*
 * Where the library's output goes when it does not go to a file: a function of the caller's.
 *
 * Which calls of one writer may overlap: none. The library calls a writer from the thread that
 * passed it in, only until that call returns, and never twice at the same time; one writer passed
 * to two calls that run at the same time has to be synchronised by the caller.
 */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct rsh_writer - receives the bytes of an output, in order
 *
 * @write: takes all @len bytes at @buf, which are the library's and gone after the return. Not
 *	called with @len 0; may be called any number of times for one output, split anywhere.
 *	It has to return: no longjmp, no exception, no exit of the thread.
 * @arg:   handed to @write as it is
 *
 * Return: 0 to go on; anything else stops the output and is returned to the caller as it is. A
 *	positive errno constant is what rsh_strerror() has a text for.
 * Threads: called in the caller's thread.      Signals: never called from a handler.
 * Fork: unaffected.                            Blocks: as long as @write does; the library
 *	holds no lock meanwhile unless the function that takes the writer says so.
 * Loss: what follows a failed write is not written, and the caller is told.
 * Detectors: runs as ordinary code of the program, under the frame of the function that was
 *	given the writer; the bytes count as initialised.
 */
struct rsh_writer {
	int (*write)(void *arg, const void *buf, size_t len);
	void *arg;
};

#ifdef __cplusplus
}
#endif

#endif /* RACESHIM_WRITER_H */
