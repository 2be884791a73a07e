# SPDX-License-Identifier: BSD-2-Clause
"""What a run of a program shows, and whether it is what was expected.

    OUTCOME := clean | hang | crash | KIND | KIND in FN, FN, …

KIND is the detector's header, `data race`. Each FN must be found in a stack of its own, all in
the same report; `a<b` means that b called a. For a race only the stacks of the accesses count.
Outcomes may be joined with `or`; whatever else a run shows makes it wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.finding._frames import bare_function

if TYPE_CHECKING:
    from raceshim.report._parse import Failure, Report, Stack

CLEAN, HANG, CRASH = "clean", "hang", "crash"
_ACCESS_ROLES = ("access", "previous")
#: Kinds of reports that a detector makes of a deadly signal.
_DEADLY = frozenset({"SEGV", "BUS", "FPE", "ILL", "ABRT", "TRAP", "stack-overflow"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that a run may show; each function is a chain, callee first."""

    kind: str
    functions: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        """Return it in the notation of the directives."""
        chains = ", ".join("<".join(chain) for chain in self.functions)
        return f"{self.kind} in {chains}" if chains else self.kind

    def matches(self, sign: Sign) -> bool:
        """Whether this sign is what is meant."""
        if self.kind == CRASH and sign.crashed:
            return True
        if sign.kind != self.kind:
            return False
        if not self.functions:
            return True
        return sign.report is not None and _all_found(self.functions, _stacks(sign.report))


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that a run did show: a report, a failure of the detector, or its end."""

    kind: str
    report: Report | None = None

    @property
    def crashed(self) -> bool:
        """Whether the program crashed, whoever says so."""
        return self.kind == CRASH or self.kind in _DEADLY

    def __str__(self) -> str:
        """Describe it in the notation of the directives, by the first function of each access."""
        if self.report is None:
            return self.kind
        tops = [user_function(stack) for stack in _stacks(self.report)[:2]]
        names = ", ".join(dict.fromkeys(tops))
        return f"{self.kind} in {names}" if names else self.kind


def parse_outcomes(text: str) -> tuple[Outcome, ...]:
    """Read `OUTCOME or OUTCOME`; kinds may hold both words within parentheses."""
    outcomes = []
    for part in _split(text, " or "):
        kind, *functions = _split(part, " in ")
        cut_off = kind.split()[-1:] in ([], ["in"], ["or"])
        if len(functions) > 1 or cut_off:
            raise ValueError(f"cannot read the outcome {part.strip()!r}")
        chains = tuple(
            tuple(name.strip() for name in chain.split("<"))
            for names in functions
            for chain in names.split(",")
        )
        if any(not name for chain in chains for name in chain):
            raise ValueError(f"a function is missing in {part.strip()!r}")
        if chains and kind.strip() in (CLEAN, HANG, CRASH):
            raise ValueError(f"{kind.strip()!r} names no functions")
        outcomes.append(Outcome(kind.strip(), chains))
    return tuple(outcomes)


def observe(
    *,
    reports: tuple[Report, ...],
    failures: tuple[Failure, ...],
    status: int,
    timed_out: bool,
    expected_stdout: bool = True,
) -> tuple[Sign, ...]:
    """Return the signs of a run; a run that shows nothing at all was clean.

    `status` is the exit status, negative for a signal. A status other than 0 says nothing new
    when a report explains it.
    """
    signs = [Sign(report.kind, report) for report in reports]
    deadly = any(report.kind in _DEADLY for report in reports)
    for failure in failures:
        if failure.kind != "DEADLYSIGNAL":
            signs.append(Sign(failure.kind))
        elif not deadly:
            signs.append(Sign(CRASH))
    if timed_out:
        signs.append(Sign(HANG))
    elif status < 0:
        signs.append(Sign(CRASH))
    elif status > 0 and not signs:
        signs.append(Sign(f"exit status {status}"))
    elif not expected_stdout and not failures:
        signs.append(Sign("wrong stdout"))
    return tuple(dict.fromkeys(signs)) or (Sign(CLEAN),)


def is_right(signs: tuple[Sign, ...], expected: tuple[Outcome, ...]) -> bool:
    """Whether everything that a run showed is one of the things expected."""
    return all(any(outcome.matches(sign) for outcome in expected) for sign in signs)


def function_name(name: str | None) -> str:
    """Return a frame's function as people write it."""
    return bare_function(name or "").removeprefix("__interceptor_")


def user_function(stack: Stack) -> str:
    """Return the first function of a stack that has a source file, else the first one."""
    frames = [f for f in stack.frames if f.file] or list(stack.frames)
    return function_name(frames[0].function) if frames else "?"


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator outside parentheses."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and text.startswith(separator, at):
            parts.append(text[start:at])
            start = at + len(separator)
    return [*parts, text[start:]]


def _stacks(report: Report) -> list[Stack]:
    accesses = [s for s in report.stacks if s.role in _ACCESS_ROLES]
    if "race" in report.kind:
        return accesses
    return accesses + [s for s in report.stacks if s.role not in _ACCESS_ROLES]


def _all_found(chains: tuple[tuple[str, ...], ...], stacks: list[Stack]) -> bool:
    """Whether each chain can be given a stack of its own."""
    if not chains:
        return True
    return any(
        _holds(stack, chains[0]) and _all_found(chains[1:], stacks[:at] + stacks[at + 1 :])
        for at, stack in enumerate(stacks)
    )


def _holds(stack: Stack, chain: tuple[str, ...]) -> bool:
    names = [function_name(frame.function) for frame in stack.frames]
    return any(tuple(names[at : at + len(chain)]) == chain for at in range(len(names)))
