# SPDX-License-Identifier: BSD-2-Clause
"""What each kind of report means, and what to do about it.

A rule is found by the detector's own words for the kind, first match first. A kind that nobody has
described (a tag's free text, a new runtime's) still gets a rule of its own, named after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SLUG = re.compile(r"[^a-z0-9]+")
_DETAIL = re.compile(r"\s*\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of report. `identity` is stable; `cwe` is the weakness's number, if it has one."""

    identity: str
    short: str
    meaning: str
    fix: str
    level: str = "error"
    cwe: int | None = None

    @property
    def name(self) -> str:
        """The identity in the form that SARIF wants for names."""
        return "".join(part.capitalize() for part in self.identity.split("-"))


def rule_for(kind: str) -> Rule:
    """Return the rule of a kind."""
    for pattern, rule in _TABLE:
        if pattern.search(kind):
            return rule
    identity = _SLUG.sub("-", _DETAIL.sub("", kind).lower()).strip("-")[:60] or "report"
    return Rule(
        identity,
        f"{kind[:1].upper()}{kind[1:]}" or "Report",
        f"The detector reports: {kind}.",
        "Both stacks are in the finding; the detector's documentation explains the kind.",
    )


def known_rules() -> tuple[Rule, ...]:
    """Return the rules that are described here."""
    return tuple(rule for _, rule in _TABLE)


def _mutex(identity: str, short: str, meaning: str, cwe: int = 667) -> Rule:
    return Rule(
        identity,
        short,
        meaning,
        "Follow the mutex from its creation: every path must lock and unlock it in pairs, in the "
        "same thread, and destroy it once, when nobody can reach it any more.",
        cwe=cwe,
    )


def _memory(identity: str, short: str, meaning: str, fix: str, cwe: int) -> Rule:
    return Rule(identity, short, meaning, fix, cwe=cwe)


_UB_FIX = (
    "The compiler may assume that this never happens. Check the operands before the operation, "
    "or use a type or a builtin that defines the result."
)
_BOUNDS_FIX = "Compare the index or length with the size of the object that the report names."

_RULES: tuple[tuple[str, Rule], ...] = (
    (
        r"^data race on vptr",
        Rule(
            "data-race-on-vptr",
            "Data race on a virtual table pointer",
            "One thread constructs or destroys an object while another calls a virtual function "
            "of it, so the call may reach the wrong class.",
            "Let the other thread finish before the destructor of the most derived class begins "
            "(join in that destructor, or in an explicit stop), and publish objects only when "
            "their constructor is done.",
            cwe=362,
        ),
    ),
    (
        r"^data race",
        Rule(
            "data-race",
            "Data race",
            "Two threads access the same memory, at least one of them writes, and nothing orders "
            "the two accesses. In C11 and C++11 that is undefined behaviour: torn values, lost "
            "updates, and a compiler that optimises as if it could not happen.",
            "Order the two accesses: guard both with the same mutex, make both atomic, or join or "
            "signal before the second one. Locking only one side changes nothing. If something "
            "orders them that the detector cannot see (own primitives, assembly, shared memory), "
            "say so with an annotation.",
            cwe=362,
        ),
    ),
    (
        r"^hang$",
        Rule(
            "hang",
            "Hang",
            "The program did not end in the time that it had, and none of its threads ran: they "
            "wait for each other, or for something that does not come.",
            "Look at what each thread waits for. Two that wait for each other's mutex need one "
            "order of locking; who waits for a condition must be told after it has changed, under "
            "the same mutex.",
            cwe=833,
        ),
    ),
    (
        r"^timeout$",
        Rule(
            "timeout",
            "Timeout",
            "The program was still at work when its time was over. The stacks tell where it was "
            "then; a thread that turns in a loop stays in it.",
            "If it turns in a loop, let what it waits for be told with an atomic, a condition "
            "variable or a join. If it is only slow, give it more time with --timeout.",
            cwe=835,
        ),
    ),
    (
        r"^race on ",
        Rule(
            "race-on-external-object",
            "Unordered use of an object of an annotated library",
            "Two threads use an object of a library that says of it: one user at a time. The "
            "library told the detector so with a tag.",
            "Guard the object with a mutex of your own, or give each thread one.",
            cwe=362,
        ),
    ),
    (
        r"^lock-order-inversion|^LockOrder",
        Rule(
            "lock-order-inversion",
            "Locks taken in different orders",
            "Two threads take the same locks in different orders. It did not hang this time; with "
            "another timing each waits for the other for ever.",
            "Fix one order for these locks and keep to it everywhere, or take one of them with "
            "trylock and give the other back when that fails.",
            cwe=833,
        ),
    ),
    (
        r"^thread leak",
        Rule(
            "thread-leak",
            "Thread neither joined nor detached",
            "A thread has ended and nobody joined it, or it still runs as the process ends and "
            "nobody detached it. Its stack and its result are lost; one leak a request fills the "
            "process.",
            "Join the thread where its result is needed, or detach it when it is created.",
            level="warning",
            cwe=772,
        ),
    ),
    (
        r"^signal-unsafe call",
        Rule(
            "signal-unsafe-call",
            "Call in a signal handler that is not safe there",
            "A signal handler calls a function that is not async-signal-safe. If the signal "
            "interrupts the same function, its locks and lists are in disorder: deadlock or "
            "corruption.",
            "In the handler only set a flag of type volatile sig_atomic_t, or write to a pipe, and "
            "do the work outside of it.",
            cwe=479,
        ),
    ),
    (
        r"spoils errno",
        Rule(
            "signal-handler-spoils-errno",
            "Signal handler changes errno",
            "A signal handler leaves errno changed. Code that was interrupted between a call and "
            "its look at errno then reads the handler's error.",
            "Save errno at the beginning of the handler and restore it at its end.",
            level="warning",
            cwe=479,
        ),
    ),
    (
        r"^destroy of a locked mutex",
        _mutex(
            "destroy-of-locked-mutex",
            "Locked mutex destroyed",
            "A mutex is destroyed, or its memory freed, while somebody holds it.",
        ),
    ),
    (
        r"^use of an invalid mutex",
        _mutex(
            "use-of-invalid-mutex",
            "Use of a mutex that is none",
            "A mutex is used that was never initialised or is already destroyed.",
            cwe=909,
        ),
    ),
    (
        r"^double lock",
        _mutex(
            "double-lock-of-mutex",
            "Mutex locked twice by one thread",
            "A thread locks a mutex that it holds already. Unless the mutex is recursive, it "
            "waits for itself.",
            cwe=764,
        ),
    ),
    (
        r"^unlock of an unlocked mutex|^UnlockUnlocked|^UnlockForeign|^UnlockBogus",
        _mutex(
            "unlock-of-unlocked-mutex",
            "Unlock of a mutex that this thread does not hold",
            "A mutex is unlocked that is not locked, or that another thread has locked. What it "
            "guards is open to two threads.",
            cwe=765,
        ),
    ),
    (
        r"^read (lock|unlock) of a write locked mutex",
        _mutex(
            "read-use-of-write-locked-mutex",
            "Read side of a lock used while it is held for writing",
            "A read-write lock that is held for writing is locked or unlocked as if for reading.",
        ),
    ),
    (
        r"^mutex held in the wrong context",
        _mutex(
            "mutex-held-in-wrong-context",
            "Mutex held where none may be",
            "A thread holds a mutex at a point where the runtime or a library forbids it.",
        ),
    ),
    (
        r"^MutexErr|^CondErr|^RwlockErr|^SemaphoreErr|^BarrierErr|^PthAPIerror",
        _mutex(
            "pthread-misuse",
            "Misuse of a POSIX threads object",
            "A lock, condition variable, semaphore or barrier is used against its contract.",
        ),
    ),
    (
        r"use-after-free|use-after-poison",
        _memory(
            "use-after-free",
            "Use of memory that was freed",
            "Memory is accessed after it was freed. With threads that is often a race: one thread "
            "frees what another still uses.",
            "Find who owns the object. Free it only when the last user is done: join first, count "
            "references, or hand ownership over.",
            416,
        ),
    ),
    (
        r"^InvalidRead|^InvalidWrite|^tag-mismatch",
        _memory(
            "invalid-access",
            "Access to memory that is not the program's",
            "Memory is accessed beyond what was allocated, or after it was freed.",
            _BOUNDS_FIX + " If it is freed memory, free it only when its last user is done.",
            119,
        ),
    ),
    (
        r"double-free|free on address|InvalidFree|bad-free",
        _memory(
            "invalid-free",
            "Invalid free",
            "Memory is freed twice, or what is freed was never allocated.",
            "Free in one place, by the owner, and clear the pointer there.",
            415,
        ),
    ),
    (
        r"alloc-dealloc-mismatch|new-delete-type-mismatch|^MismatchedFree",
        _memory(
            "mismatched-free",
            "Memory freed by the wrong function",
            "Memory is given back by another family of functions than it came from.",
            "Pair malloc with free, new with delete, new[] with delete[].",
            762,
        ),
    ),
    (
        r"buffer-overflow|buffer-underflow|container-overflow|out-of-bounds|^bounds|object-size",
        _memory(
            "out-of-bounds",
            "Access out of bounds",
            "An access lies outside of the object that it was meant for.",
            _BOUNDS_FIX,
            787,
        ),
    ),
    (
        r"use-after-return|use-after-scope",
        _memory(
            "stack-use-after-scope",
            "Use of a local variable that is gone",
            "A pointer to a local variable is used after its function or block has ended; handed "
            "to a thread, that depends on timing.",
            "Let the object live as long as its users: allocate it, or join them first.",
            562,
        ),
    ),
    (
        r"use-of-uninitialized-value|^Uninit|^SyscallParam|^ClientCheck",
        _memory(
            "use-of-uninitialized-value",
            "Use of an uninitialised value",
            "What the program does depends on memory that nobody has written.",
            "Initialise the value where the report says that it was created.",
            457,
        ),
    ),
    (
        r"memory leak|^Leak_",
        Rule(
            "memory-leak",
            "Memory leak",
            "Memory was allocated and nobody can reach it any more.",
            "Free it on every path out of the function that owns it.",
            level="warning",
            cwe=401,
        ),
    ),
    (
        r"signed-integer-overflow|^shift|divide-by-zero|float-cast|^FPE|implicit-|vla-bound",
        _memory(
            "undefined-arithmetic",
            "Arithmetic without a defined result",
            "An operation has no defined result for these operands.",
            _UB_FIX,
            758,
        ),
    ),
    (
        r"^(alignment|null|pointer-overflow|nonnull|vptr|bool|enum|function|unreachable|return)",
        _memory(
            "undefined-behaviour",
            "Undefined behaviour",
            "The program does something that the language leaves undefined.",
            _UB_FIX,
            758,
        ),
    ),
    (
        r"^(SEGV|BUS|ILL|ABRT|TRAP|SIG[A-Z]+$|stack-overflow|DEADLYSIGNAL|deadly signal)",
        Rule(
            "crash",
            "Crash under the detector",
            "The program was ended by a deadly signal, or by itself (abort, a failed assertion, a "
            "trap). What it would have done afterwards, and "
            "which races that had, nobody knows.",
            "Fix the crash first; then run again.",
            cwe=119,
        ),
    ),
)
_TABLE = tuple((re.compile(pattern), rule) for pattern, rule in _RULES)
