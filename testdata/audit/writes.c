/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler that does what POSIX allows: write() is async-signal-safe. A detector that intercepts
 * it may still deadlock, in a handler that it has not been told of.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

static void on_hangup(int number)
{
	int kept = errno;

	(void)number;
	if (write(STDERR_FILENO, "hangup\n", 7) < 0)
		_exit(1);
	errno = kept;
}

int main(void)
{
	signal(SIGHUP, on_hangup);
	return raise(SIGHUP);
}
