# SPDX-License-Identifier: BSD-2-Clause
"""Where handlers come from: calls that install them, names, a section, and people.

A call of `sigaction` or its like tells of a handler when its address is among what may be known at
the call. If the handler is the calling function's own argument, that function installs handlers
too, and its callers are asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from raceshim._errors import UsageError
from raceshim.audit._lists import INTERCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.audit._flow import Call
    from raceshim.audit._program import Place, Program
    from raceshim.audit._values import State, Value

#: A function in a section of such a name is a root: __attribute__((section("rsh_sig"))).
SECTION = "*rsh_sig*"
#: SIG_DFL, SIG_IGN and SIG_ERR.
_NO_HANDLERS = (0, 1, (1 << 64) - 1, (1 << 32) - 1)


class Installer(NamedTuple):
    """Which argument of a function is the handler, or (`is_structure`) points to it."""

    argument: int
    is_structure: bool


INSTALLERS = {
    **dict.fromkeys(("sigaction", "__sigaction", "__libc_sigaction", "sigvec"), Installer(1, True)),
    **dict.fromkeys(
        ("signal", "__signal", "bsd_signal", "sysv_signal", "__sysv_signal", "ssignal", "sigset"),
        Installer(1, False),
    ),
}


@dataclass(frozen=True, slots=True)
class Root:
    """A function that handlers begin with, and how that is known."""

    place: Place
    why: str


@dataclass(frozen=True, slots=True)
class Site:
    """A call that may install a handler that has not been found."""

    place: Place
    call: Call
    installer: str


class Roots:
    """All roots of a program."""

    def __init__(self, program: Program, names: Sequence[str], told: Sequence[str]) -> None:
        """Find them; `names` are patterns of names, `told` what somebody has asked for."""
        self._program = program
        self._found: dict[tuple[int, int], Root] = {}
        self.sites: list[Site] = []
        for pattern in told:
            before = len(self._found)
            self._by_name([pattern], "named by --root")
            if len(self._found) == before and not any(self._named(pattern)):
                raise UsageError(f"--root {pattern}: there is no such function")
        self._by_name(names, "its name")
        for place in program.places():
            if fnmatchcase(place.function.section, SECTION):
                self._add(place, f"its section {place.function.section}")
        for number in range(len(program.images)):
            self._by_calls(number)

    @property
    def found(self) -> list[Root]:
        """The roots."""
        return list(self._found.values())

    def _named(self, pattern: str) -> Iterator[Place]:
        for place in self._program.places():
            if any(fnmatchcase(name, pattern) for name in place.names):
                yield place

    def _by_name(self, patterns: Sequence[str], why: str) -> None:
        for pattern in patterns:
            for place in self._named(pattern):
                self._add(place, f"{why}: {pattern}" if why == "its name" else why)

    def _add(self, place: Place, why: str) -> None:
        self._found.setdefault((place.image, place.function.address), Root(place, why))

    def _by_calls(self, number: int) -> None:
        """Ask all calls that install handlers, and then those of functions that pass one on."""
        installers = {
            address: (name, installer)
            for name, installer in INSTALLERS.items()
            for address in self._program.addresses(number, frozenset((name,)))
        }
        asked: set[tuple[int, int, Installer]] = set()
        fresh = dict(installers)
        while fresh:
            current, fresh = fresh, {}
            for place in self._program.callers(number, frozenset(current)):
                if _is_interceptor(place):
                    continue
                for call in self._program.calls(place):
                    for address in self._reached(number, call, current):
                        name, installer = current[address]
                        key = (place.function.address, call.address, installer)
                        if key in asked:
                            continue
                        asked.add(key)
                        passed = self._ask(place, call, name, installer)
                        if passed is not None and place.function.address not in installers:
                            mine = (place.function.name, passed)
                            installers[place.function.address] = mine
                            fresh[place.function.address] = mine

    def _reached(
        self, number: int, call: Call, installers: dict[int, tuple[str, Installer]]
    ) -> list[int]:
        stubs = self._program.images[number].stubs
        targets = (stubs.get(target, target) for target in call.targets)
        return [target for target in targets if target in installers]

    def _ask(self, place: Place, call: Call, name: str, installer: Installer) -> Installer | None:
        """Find the handlers of a call; return how its function passes one on, if it does."""
        passed: Installer | None = None
        is_sure = True
        for atom in self._handlers(place, call.state, installer):
            if atom.kind == "argument":
                passed = Installer(atom.number, False)
            elif atom.kind == "number" and atom.number in _NO_HANDLERS:
                continue
            elif atom.kind == "number":
                is_sure &= self._handler(place, call, name, atom.number)
            else:
                is_sure = False
        if installer.is_structure:
            pointers = self._argument(place, call.state, installer.argument)
            owners = {atom.number for atom in pointers if atom.kind == "argument"}
            if owners and passed is None:
                passed, is_sure = Installer(owners.pop(), True), True
        if not is_sure:
            self.sites.append(Site(place, call, name))
        return passed

    def _handler(self, place: Place, call: Call, name: str, address: int) -> bool:
        target = self._program.target(place.image, address)
        if target is None or target.place is None:
            return False
        offset = call.address - place.function.address
        self._add(target.place, f"handler for {name} in {place.function.name}+{offset:#x}")
        return True

    def _argument(self, place: Place, state: State, index: int) -> Value:
        return state.get(self._program.machine(place).arguments[index])

    def _handlers(self, place: Place, state: State, installer: Installer) -> Value:
        value = self._argument(place, state, installer.argument)
        if not installer.is_structure:
            return value
        somewhere = frozenset(a for a in value if a.kind != "number" or a.number)
        return state.load(somewhere)


def _is_interceptor(place: Place) -> bool:
    """Whether a function is a detector's, or libc's own: they pass handlers on by other means."""
    return any(
        name in INTERCEPTED or name in INSTALLERS or name.startswith(("__interceptor_", "___inter"))
        for name in place.names
    ) or any(
        name.startswith(("_ZN6__tsan", "_ZN11__sanitizer", "_ZN6__asan")) for name in place.names
    )
