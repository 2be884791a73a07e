/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An order of events that no detector can see.
 *
 * A race is only a fair test when both accesses happen in every run, and happen without the edge
 * that a join, a lock or an atomic would make. So the programs here take turns by a clock that
 * lives in uninstrumented code (step.c, `uninstrumented: step.c`) and sleeps in the kernel: to the
 * processor the two accesses are ordered, to the detector they are concurrent.
 */
#ifndef STEP_H
#define STEP_H

/* The racing code stands in functions of its own, so that a report can name them. */
#define NOINLINE __attribute__((noinline))

/* step_set - the clock reads at least @n from now on; whoever waits for it runs on. */
void step_set(unsigned n);

/* step_wait - sleep until the clock reads at least @n. */
void step_wait(unsigned n);

/*
 * step_nap - sleep for a millisecond. No order comes of it: it only keeps a thread that runs for
 * ever from writing over its own history while a report is being made.
 */
void step_nap(void);

/* step_self - the kernel's id of the calling thread, for step_gone(). */
int step_self(void);

/* step_gone - sleep until the thread @tid of this process is really gone, without joining it. */
void step_gone(int tid);

#endif
