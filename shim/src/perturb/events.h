/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_PERTURB_EVENTS_H
#define RSH_PERTURB_EVENTS_H

/* What the hooks stand in front of: name, what it is, parameters, arguments. */

#define RSHI_EVENTS(X)                                                                             \
	X(pthread_mutex_lock, RSHI_LOCKS, (void *a), (a))                                          \
	X(pthread_mutex_trylock, RSHI_TRIES, (void *a), (a))                                       \
	X(pthread_mutex_timedlock, RSHI_LOCKS, (void *a, const void *b), (a, b))                   \
	X(pthread_mutex_unlock, RSHI_GIVES, (void *a), (a))                                        \
	X(pthread_rwlock_rdlock, RSHI_TAKES, (void *a), (a))                                       \
	X(pthread_rwlock_wrlock, RSHI_TAKES, (void *a), (a))                                       \
	X(pthread_rwlock_tryrdlock, RSHI_TRIES, (void *a), (a))                                    \
	X(pthread_rwlock_trywrlock, RSHI_TRIES, (void *a), (a))                                    \
	X(pthread_rwlock_unlock, RSHI_GIVES, (void *a), (a))                                       \
	X(pthread_spin_lock, RSHI_TAKES, (void *a), (a))                                           \
	X(pthread_spin_trylock, RSHI_TRIES, (void *a), (a))                                        \
	X(pthread_spin_unlock, RSHI_GIVES, (void *a), (a))                                         \
	X(pthread_cond_wait, RSHI_TAKES, (void *a, void *b), (a, b))                               \
	X(pthread_cond_timedwait, RSHI_TAKES, (void *a, void *b, const void *c), (a, b, c))        \
	X(pthread_cond_signal, RSHI_GIVES, (void *a), (a))                                         \
	X(pthread_cond_broadcast, RSHI_GIVES, (void *a), (a))                                      \
	X(pthread_barrier_wait, RSHI_TAKES, (void *a), (a))                                        \
	X(pthread_join, RSHI_TAKES, (unsigned long a, void **b), (a, b))                           \
	X(sem_wait, RSHI_TAKES, (void *a), (a))                                                    \
	X(sem_trywait, RSHI_TRIES, (void *a), (a))                                                 \
	X(sem_timedwait, RSHI_TAKES, (void *a, const void *b), (a, b))                             \
	X(sem_post, RSHI_GIVES, (void *a), (a))

#define RSHI_CREATE_PARAMETERS (void *thread, const void *attr, void *(*start)(void *), void *arg)

#endif /* RSH_PERTURB_EVENTS_H */
