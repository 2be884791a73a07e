/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reply with an uninitialised hole goes out through a raw system call, which passes no
 * interceptor. Stack contents leak to the peer and MSan is silent, until it is told of the read.
 *
 * detector: memory
 * report: use-of-uninitialized-value in send_reply
 * control: clean
 * annotation: RSH_MEM_READ
 */
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

struct reply {
	char code; /* three bytes of padding behind */
	int value;
};

NOINLINE static long send_reply(int fd, const struct reply *reply)
{
	PROVE(RSH_MEM_READ(reply, sizeof(*reply)));
	return syscall(SYS_write, fd, reply, sizeof(*reply));
}

int main(void)
{
	struct reply reply;
	int ends[2];

	if (pipe(ends))
		return 1;
	reply.code = 'k';
	reply.value = 1;
	return send_reply(ends[1], &reply) != sizeof(reply);
}
