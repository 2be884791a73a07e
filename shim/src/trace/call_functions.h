/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_CALL_FUNCTIONS_H
#define RSH_TRACE_CALL_FUNCTIONS_H

/*
 * libc's functions that may wait for what is outside of the process: the one list of them. Those who
 * stand in front of them define what an entry becomes:
 *
 *   RSHI_CALL(type, name, parameters, arguments, of)
 *	returns a @type, -1 if it failed; what it waits for is @of: a descriptor or a process
 *   RSHI_CHECKED(type, name, parameters, arguments, of)
 *	__@name_chk(), which programs with _FORTIFY_SOURCE call in its place
 *
 * Objects of the program's are handed on and never looked at, so their types do not matter.
 */

#include <stddef.h>
#include <stdint.h>

#define RSHI_PARTS(...) __VA_ARGS__

#define RSHI_CALLS_ON_FILES                                                                        \
	RSHI_CALL(ptrdiff_t, read, RSHI_PARTS(int fd, void *p, size_t n), RSHI_PARTS(fd, p, n),    \
	          fd)                                                                              \
	RSHI_CALL(ptrdiff_t, readv, RSHI_PARTS(int fd, const void *v, int n),                      \
	          RSHI_PARTS(fd, v, n), fd)                                                        \
	RSHI_CALL(ptrdiff_t, pread, RSHI_PARTS(int fd, void *p, size_t n, int64_t at),             \
	          RSHI_PARTS(fd, p, n, at), fd)                                                    \
	RSHI_CALL(ptrdiff_t, pread64, RSHI_PARTS(int fd, void *p, size_t n, int64_t at),           \
	          RSHI_PARTS(fd, p, n, at), fd)                                                    \
	RSHI_CALL(ptrdiff_t, write, RSHI_PARTS(int fd, const void *p, size_t n),                   \
	          RSHI_PARTS(fd, p, n), fd)                                                        \
	RSHI_CALL(ptrdiff_t, writev, RSHI_PARTS(int fd, const void *v, int n),                     \
	          RSHI_PARTS(fd, v, n), fd)                                                        \
	RSHI_CALL(ptrdiff_t, pwrite, RSHI_PARTS(int fd, const void *p, size_t n, int64_t at),      \
	          RSHI_PARTS(fd, p, n, at), fd)                                                    \
	RSHI_CALL(ptrdiff_t, pwrite64, RSHI_PARTS(int fd, const void *p, size_t n, int64_t at),    \
	          RSHI_PARTS(fd, p, n, at), fd)                                                    \
	RSHI_CALL(int, fsync, RSHI_PARTS(int fd), RSHI_PARTS(fd), fd)                              \
	RSHI_CALL(int, fdatasync, RSHI_PARTS(int fd), RSHI_PARTS(fd), fd)                          \
	RSHI_CALL(int, flock, RSHI_PARTS(int fd, int how), RSHI_PARTS(fd, how), fd)

#define RSHI_CALLS_ON_SOCKETS                                                                      \
	RSHI_CALL(int, accept, RSHI_PARTS(int fd, void *from, void *n), RSHI_PARTS(fd, from, n),   \
	          fd)                                                                              \
	RSHI_CALL(int, accept4, RSHI_PARTS(int fd, void *from, void *n, int flags),                \
	          RSHI_PARTS(fd, from, n, flags), fd)                                              \
	RSHI_CALL(int, connect, RSHI_PARTS(int fd, const void *to, uint32_t n),                    \
	          RSHI_PARTS(fd, to, n), fd)                                                       \
	RSHI_CALL(ptrdiff_t, recv, RSHI_PARTS(int fd, void *p, size_t n, int flags),               \
	          RSHI_PARTS(fd, p, n, flags), fd)                                                 \
	RSHI_CALL(ptrdiff_t, recvfrom,                                                             \
	          RSHI_PARTS(int fd, void *p, size_t n, int flags, void *from, void *size),        \
	          RSHI_PARTS(fd, p, n, flags, from, size), fd)                                     \
	RSHI_CALL(ptrdiff_t, recvmsg, RSHI_PARTS(int fd, void *m, int flags),                      \
	          RSHI_PARTS(fd, m, flags), fd)                                                    \
	RSHI_CALL(int, recvmmsg,                                                                   \
	          RSHI_PARTS(int fd, void *m, unsigned int n, int flags, void *timeout),           \
	          RSHI_PARTS(fd, m, n, flags, timeout), fd)                                        \
	RSHI_CALL(ptrdiff_t, send, RSHI_PARTS(int fd, const void *p, size_t n, int flags),         \
	          RSHI_PARTS(fd, p, n, flags), fd)                                                 \
	RSHI_CALL(ptrdiff_t, sendto,                                                               \
	          RSHI_PARTS(int fd, const void *p, size_t n, int flags, const void *to,           \
	                     uint32_t size),                                                       \
	          RSHI_PARTS(fd, p, n, flags, to, size), fd)                                       \
	RSHI_CALL(ptrdiff_t, sendmsg, RSHI_PARTS(int fd, const void *m, int flags),                \
	          RSHI_PARTS(fd, m, flags), fd)                                                    \
	RSHI_CALL(int, sendmmsg, RSHI_PARTS(int fd, void *m, unsigned int n, int flags),           \
	          RSHI_PARTS(fd, m, n, flags), fd)

#define RSHI_CALLS_ON_MANY                                                                         \
	RSHI_CALL(int, poll, RSHI_PARTS(void *fds, unsigned long n, int timeout),                  \
	          RSHI_PARTS(fds, n, timeout), 0)                                                  \
	RSHI_CALL(int, ppoll,                                                                      \
	          RSHI_PARTS(void *fds, unsigned long n, const void *timeout, const void *mask),   \
	          RSHI_PARTS(fds, n, timeout, mask), 0)                                            \
	RSHI_CALL(int, select, RSHI_PARTS(int n, void *r, void *w, void *x, void *timeout),        \
	          RSHI_PARTS(n, r, w, x, timeout), 0)                                              \
	RSHI_CALL(int, pselect,                                                                    \
	          RSHI_PARTS(int n, void *r, void *w, void *x, const void *timeout,                \
	                     const void *mask),                                                    \
	          RSHI_PARTS(n, r, w, x, timeout, mask), 0)                                        \
	RSHI_CALL(int, epoll_wait, RSHI_PARTS(int fd, void *events, int n, int timeout),           \
	          RSHI_PARTS(fd, events, n, timeout), fd)                                          \
	RSHI_CALL(int, epoll_pwait,                                                                \
	          RSHI_PARTS(int fd, void *events, int n, int timeout, const void *mask),          \
	          RSHI_PARTS(fd, events, n, timeout, mask), fd)

#define RSHI_CALLS_ON_TIME                                                                         \
	RSHI_CALL(unsigned int, sleep, RSHI_PARTS(unsigned int s), RSHI_PARTS(s), 0)               \
	RSHI_CALL(int, usleep, RSHI_PARTS(unsigned int us), RSHI_PARTS(us), 0)                     \
	RSHI_CALL(int, nanosleep, RSHI_PARTS(const void *t, void *rest), RSHI_PARTS(t, rest), 0)   \
	RSHI_CALL(int, clock_nanosleep,                                                            \
	          RSHI_PARTS(int clock, int flags, const void *t, void *rest),                     \
	          RSHI_PARTS(clock, flags, t, rest), 0)

#define RSHI_CALLS_ON_PROCESSES                                                                    \
	RSHI_CALL(int, wait, RSHI_PARTS(void *status), RSHI_PARTS(status), 0)                      \
	RSHI_CALL(int, waitpid, RSHI_PARTS(int pid, void *status, int options),                    \
	          RSHI_PARTS(pid, status, options), pid)                                           \
	RSHI_CALL(int, wait4, RSHI_PARTS(int pid, void *status, int options, void *usage),         \
	          RSHI_PARTS(pid, status, options, usage), pid)                                    \
	RSHI_CALL(int, waitid,                                                                     \
	          RSHI_PARTS(unsigned int type, uint32_t id, void *info, int options),             \
	          RSHI_PARTS(type, id, info, options), id)

#define RSHI_CALLS_CHECKED                                                                         \
	RSHI_CHECKED(ptrdiff_t, read, RSHI_PARTS(int fd, void *p, size_t n, size_t room),          \
	             RSHI_PARTS(fd, p, n, room), fd)                                               \
	RSHI_CHECKED(ptrdiff_t, pread,                                                             \
	             RSHI_PARTS(int fd, void *p, size_t n, int64_t at, size_t room),               \
	             RSHI_PARTS(fd, p, n, at, room), fd)                                           \
	RSHI_CHECKED(ptrdiff_t, pread64,                                                           \
	             RSHI_PARTS(int fd, void *p, size_t n, int64_t at, size_t room),               \
	             RSHI_PARTS(fd, p, n, at, room), fd)                                           \
	RSHI_CHECKED(ptrdiff_t, recv,                                                              \
	             RSHI_PARTS(int fd, void *p, size_t n, size_t room, int flags),                \
	             RSHI_PARTS(fd, p, n, room, flags), fd)                                        \
	RSHI_CHECKED(ptrdiff_t, recvfrom,                                                          \
	             RSHI_PARTS(int fd, void *p, size_t n, size_t room, int flags, void *from,     \
	                        void *size),                                                       \
	             RSHI_PARTS(fd, p, n, room, flags, from, size), fd)                            \
	RSHI_CHECKED(int, poll, RSHI_PARTS(void *fds, unsigned long n, int timeout, size_t room),  \
	             RSHI_PARTS(fds, n, timeout, room), 0)                                         \
	RSHI_CHECKED(int, ppoll,                                                                   \
	             RSHI_PARTS(void *fds, unsigned long n, const void *timeout, const void *mask, \
	                        size_t room),                                                      \
	             RSHI_PARTS(fds, n, timeout, mask, room), 0)

#define RSHI_CALLS                                                                                 \
	RSHI_CALLS_ON_FILES                                                                        \
	RSHI_CALLS_ON_SOCKETS                                                                      \
	RSHI_CALLS_ON_MANY                                                                         \
	RSHI_CALLS_ON_TIME                                                                         \
	RSHI_CALLS_ON_PROCESSES                                                                    \
	RSHI_CALLS_CHECKED

#endif /* RSH_TRACE_CALL_FUNCTIONS_H */
