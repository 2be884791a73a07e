/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_DEADLY_H
#define RSH_CORE_DEADLY_H

/* What is still to be done when a signal kills the process. */

/*
 * Called in the handler, on whatever stack that is; @dies: there is no other handler, so that
 * nothing comes after this. Async-signal-safe, and it returns.
 */
typedef void rshi_last_words(int signo, int dies);

/*
 * Call @words, once for each signal, before the process dies of one or somebody else handles it.
 * Early in the process, one thread at a time; async-signal-safe. The same one again does nothing.
 */
void rshi_deadly_hear_sig(rshi_last_words *words);

#endif /* RSH_CORE_DEADLY_H */
