/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_FORK_H
#define RSH_CPUPROF_FORK_H

/* What happens to a profile when its process forks: nothing here, and the child has none. */

/* Before the first session. */
void rshi_fork_prepare(void);

/* Have @in_child called in a forked child, after that; one function, set once. */
void rshi_fork_then(void (*in_child)(void));

#endif /* RSH_CPUPROF_FORK_H */
