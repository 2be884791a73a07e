/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way to install a handler that the audit knows. Each handler is `handles_...`.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t last;

/* Handlers of equal code would be one function. */
#define HANDLER(name, value)                                                                       \
	static void handles_##name(int number)                                                     \
	{                                                                                          \
		last = number + (value);                                                           \
	}
HANDLER(local, 1)
HANDLER(assigned, 2)
HANDLER(constant, 3)
HANDLER(global, 4)
HANDLER(copied, 5)
HANDLER(by_signal, 6)
HANDLER(by_wrapper, 7)
HANDLER(by_second_wrapper, 8)
HANDLER(by_pointer, 9)
HANDLER(one_way, 10)
HANDLER(other_way, 11)
HANDLER(late, 12)

static void handles_information(int number, siginfo_t *info, void *context)
{
	last = number + info->si_code + (context != 0);
}

static struct sigaction global_action = {.sa_handler = handles_global};
static const struct sigaction template = {.sa_handler = handles_copied, .sa_flags = SA_RESTART};

__attribute__((noinline)) static void install(int number, void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	sigaction(number, &action, NULL);
}

__attribute__((noinline)) static int install_all(void (*handler)(int), int first)
{
	for (int number = first; number < first + 3; number++)
		install(number, handler);
	return first;
}

__attribute__((noinline)) static int install_this(const struct sigaction *action, int number)
{
	return sigaction(number, action, NULL) + 1;
}

__attribute__((noinline)) static void install_local(void)
{
	struct sigaction action = {.sa_handler = handles_local, .sa_flags = SA_RESTART};

	sigaction(SIGHUP, &action, NULL);
}

__attribute__((noinline)) static void install_copy(void)
{
	struct sigaction action = template;

	action.sa_flags |= SA_NODEFER;
	sigaction(SIGINT, &action, NULL);
}

__attribute__((noinline)) static void install_one(int which)
{
	struct sigaction action;

	sigemptyset(&action.sa_mask);
	action.sa_flags = 0;
	if (which > 3)
		action.sa_handler = handles_one_way;
	else
		action.sa_handler = handles_other_way;
	sigaction(SIGQUIT, &action, NULL);
}

__attribute__((noinline)) static void install_late(int which)
{
	struct sigaction action;
	int count = 0;

	action.sa_handler = handles_late;
	action.sa_flags = 0;
	sigemptyset(&action.sa_mask);
	while (which-- > 0)
		count += abs(which - count);
	if (count != 77)
		sigaction(SIGCHLD, &action, NULL);
}

__attribute__((noinline)) static void install_information(void)
{
	struct sigaction action;

	action.sa_sigaction = handles_information;
	action.sa_flags = SA_SIGINFO;
	sigfillset(&action.sa_mask);
	sigaction(SIGUSR2, &action, NULL);
}

int main(int argc, char **argv)
{
	struct sigaction action;
	static const struct sigaction constant = {.sa_handler = handles_constant};

	action.sa_handler = handles_assigned;
	action.sa_flags = argc;
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGTERM, &constant, NULL);
	sigaction(SIGTERM, &global_action, NULL);
	signal(SIGTERM, SIG_IGN);
	signal(SIGTERM, handles_by_signal);
	install(SIGTERM, handles_by_wrapper);
	install(SIGTERM, SIG_DFL);
	install_all(handles_by_second_wrapper, SIGUSR1);
	action.sa_handler = handles_by_pointer;
	install_this(&action, SIGTERM);
	install_local();
	install_copy();
	install_one(argc);
	install_late(argc);
	install_information();
	return argv == NULL;
}
