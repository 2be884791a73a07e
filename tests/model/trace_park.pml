/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the reader of a trace sleeps and is woken: shim/src/trace/parking.h and the loop in read.c,
 * one step for each access to memory that others see.
 *
 * Checked: the reader always ends (no wake is lost), takes everything, is woken at most once each
 * time that it sleeps and only then, and never runs in circles, also with a sleep that may end at any
 * time (-DTIMEOUT). Mutants, each of which has to be refuted:
 *
 *	-DNO_SECOND_LOOK  sleeps without looking for work once more
 *	-DPLAIN_TAKE      a waker takes the reader away without an exchange: several may
 *	-DLEAVE_AT_ONCE   a reader that finds work itself does not wait for who is waking it
 *	-DLOOK_LATE       the reader says that it looks only after it has looked
 *	-DOLD_LOCK        the reader is woken under the lock by who emits, and waking emits an event
 *	-DSHUTDOWN_TERM   that the trace is stopping counts as work (with -DNP)
 */

#define EMITTERS 2
#define ITEMS    2 /* full buffers of each */

#define NOBODY 0
#define READER 1

bool work;
byte reader = NOBODY;
bool woken;
bool asleep; /* in the kernel, on the word `woken` */

bool locked; /* the trace lock: lists and numbers */
byte items;  /* full buffers that nobody has read */
bool stopping, over;

/* What is checked, and steers nothing. */
bool parked; /* between the reader's publishing itself and its having left */
byte taken, emitters_ended;

inline lock()
{
	atomic { !locked -> locked = true }
}

inline unlock()
{
	locked = false
}

/* rshi_futex_wake_sig() behind the store. */
inline wake()
{
	assert(parked);
	assert(!woken);
	woken = true;
	asleep = false
}

/* rshi_parking_post() */
inline post()
{
	work = true;
	seen = reader;
	if
	:: seen == NOBODY
	:: else ->
#ifdef PLAIN_TAKE
		reader = NOBODY;
		won = true;
#else
		atomic {
			won = (reader == seen);
			if
			:: won -> reader = NOBODY
			:: else
			fi
		}
#endif
		if
		:: won -> wake()
		:: else
		fi
	fi
}

proctype emitter()
{
	byte n, seen;
	bool won;

	for (n : 1 .. ITEMS) {
#ifdef OLD_LOCK
		lock();
		items++;
		/* The reader becomes runnable: an event, which needs a buffer, which needs the lock. */
		if
		:: reader == READER ->
			lock();
			unlock();
			post()
		:: else ->
			work = true
		fi;
		unlock()
#else
		atomic { items++ } /* rshi_buffer_push(): one exchange, without the lock */
		post()
#endif
	}
	atomic { emitters_ended++ }
}

/* rsh_trace_stop(): waits until nobody is in the middle of an event. */
proctype stopper()
{
	byte seen;
	bool won;

	stopping = true;
	emitters_ended == EMITTERS;
	lock();
	over = true;
	unlock();
	post()
}

/* rshi_parking_leave() */
inline leave()
{
	atomic {
		won = (reader == READER);
		if
		:: won -> reader = NOBODY
		:: else
		fi
	}
#ifndef LEAVE_AT_ONCE
	do
	:: won || woken -> break
	:: else -> sleep()
	od;
#endif
	parked = false
}

/* rshi_futex_wait_sig(): sleeps only if nobody has woken it. */
inline sleep()
{
	atomic {
		if
		:: !woken -> asleep = true
		:: else
		fi
	}
	!asleep
}

/* rshi_parking_wait() */
inline park()
{
	woken = false;
	atomic {
		assert(reader == NOBODY);
		reader = READER;
		parked = true
	}
	if
#ifdef NO_SECOND_LOOK
	:: true ->
#elif defined(SHUTDOWN_TERM)
	:: !work && !stopping ->
#else
	:: !work ->
#endif
		do
		:: woken -> break
#ifdef TIMEOUT
		:: !woken -> break
#endif
		:: !woken -> sleep()
		od
#ifndef NO_SECOND_LOOK
	:: else
#endif
	fi;
	leave()
}

/* rshi_trace_read(), until it says that the trace is over. */
active proctype read_all()
{
	bool won, ended;
	byte n;

	run emitter();
	run emitter();
	run stopper();
	do
	:: true ->
#ifndef LOOK_LATE
		work = false; /* rshi_parking_look() */
#endif
		lock();
		atomic { n = items; items = 0 } /* one exchange */
		taken = taken + n;
		ended = over;
		unlock();
#ifdef LOOK_LATE
		work = false;
#endif
		if
		:: n > 0 ->
progress_taken:
			skip
		:: n == 0 && ended -> break
		:: n == 0 && !ended ->
			park()
		fi
	od;
	assert(taken == EMITTERS * ITEMS)
}
