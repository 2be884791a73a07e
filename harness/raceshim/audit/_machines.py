# SPDX-License-Identifier: BSD-2-Clause
"""What is the same of all processors: decoded instructions, and where they lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from raceshim._errors import ToolError
from raceshim.audit._values import UNKNOWN, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.audit._values import State

#: capstone's instructions; it has no types of its own.
Instruction = Any


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Step:
    """Where an instruction leads: `targets` is what its address may be.

    `kind` is "call", "jump", "branch" (a jump that may not be taken), "return" or "trap" (which
    nothing follows). `is_table`: it jumps as a switch does, to a place in the function itself.
    `table` is where a table of addresses begins, one of which it takes.
    """

    kind: str
    targets: Value
    is_table: bool = False
    table: Value = UNKNOWN


class Machine(Protocol):
    """What has to be known of a processor."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The registers that the first arguments are passed in."""

    @property
    def stack(self) -> str:
        """The stack pointer."""

    def decode(self, code: bytes, address: int) -> Iterator[Instruction]:
        """Return the instructions in some bytes."""

    def execute(self, instruction: Instruction, state: State) -> Step | None:
        """Do what an instruction does; return where it leads, unless that is on."""

    def after_call(self, state: State) -> None:
        """Forget what the callee may have changed."""

    def calls_to(self, code: bytes, address: int, targets: frozenset[int]) -> Iterator[int]:
        """Return, quickly, addresses that may be of direct calls of these functions."""


def machine(name: str) -> Machine:
    """Return a processor by its name in `_image`."""
    try:
        import capstone  # noqa: F401, PLC0415
    except ImportError:
        raise ToolError(
            "the audit reads machine code with capstone and pyelftools: "
            "pip install 'raceshim[audit]'"
        ) from None
    if name == "x86-64":
        from raceshim.audit._x86_64 import X8664  # noqa: PLC0415

        return X8664()
    from raceshim.audit._aarch64 import AArch64  # noqa: PLC0415

    return AArch64()
