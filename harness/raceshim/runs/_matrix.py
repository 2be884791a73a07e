# SPDX-License-Identifier: BSD-2-Clause
"""A matrix: the same programs in several settings, and what only some of these show.

A setting has a compiler, a level of optimisation, a detector and a mode, which is the policy of
its schedules. An axis that nobody names has one value: what would be there without a matrix.

    compiler=clang-19+gcc-12,opt=O0+O2,mode=none+noise     all is `compiler=all,opt=O0+O1+O2`
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from raceshim.runs._policies import SINGLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AXES = ("compiler", "opt", "detector", "mode")
#: What `all` means on an axis; of compilers and detectors somebody else knows that.
_ALL = {"opt": ("O0", "O1", "O2"), "mode": SINGLE}
_LEVEL = re.compile(r"O([0-3sgz]|fast)?")
#: What an axis shows that has not been named.
AS_EVER = "-"


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One setting; `-` is what the project, or the program, says itself."""

    compiler: str
    opt: str
    detector: str
    mode: str

    def text(self) -> str:
        """Name it for people."""
        return " ".join(
            part for part in (self.compiler, self.opt, self.detector, self.mode) if part
        )


@dataclass(frozen=True, slots=True)
class CellResult:
    """What a setting came to; `error` is why nothing ran there."""

    cell: Cell
    verdict: str
    exit_code: int
    runs: int
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A finding, or a program: by how many runs of each cell it was shown; None where none ran."""

    name: str
    title: str
    shown: tuple[int | None, ...]

    @property
    def only_some(self) -> bool:
        """Whether some cells show it, and others, in which there were runs, do not."""
        known = [bool(count) for count in self.shown if count is not None]
        return any(known) and not all(known)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole table."""

    cells: tuple[CellResult, ...]
    rows: tuple[MatrixRow, ...]

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """The values of each axis, in the order of the cells."""
        return {
            name: tuple(dict.fromkeys(getattr(one.cell, name) for one in self.cells))
            for name in AXES
        }


def parse_axes(text: str) -> dict[str, tuple[str, ...]]:
    """Read which axes have which values; a ValueError says what is wrong."""
    if text == "all":
        text = "compiler=all,opt=all"
    axes: dict[str, tuple[str, ...]] = {}
    for part in text.split(","):
        name, equals, values = part.strip().partition("=")
        if not equals or name not in AXES:
            raise ValueError(f"{part!r} is none of {', '.join(f'{axis}=...' for axis in AXES)}")
        if name in axes:
            raise ValueError(f"{name} is there twice")
        axes[name] = _values(name, values)
    return axes


def cells_of(axes: Mapping[str, Sequence[str]]) -> list[Cell]:
    """Return every setting, those of one build next to each other."""
    return [Cell(*values) for values in product(*(axes[name] for name in AXES))]


def _values(name: str, text: str) -> tuple[str, ...]:
    found: list[str] = []
    for value in text.split("+"):
        word = value.strip().removeprefix("-") if name == "opt" else value.strip()
        if word == "all" and name in _ALL:
            found += _ALL[name]
            continue
        known = (
            bool(word)
            and (name != "opt" or _LEVEL.fullmatch(word))
            and (name != "mode" or word in SINGLE)
        )
        if not known:
            choices = {"opt": "O0, O1, O2, O3, Os, Og, Oz", "mode": ", ".join(SINGLE)}
            raise ValueError(f"{name}: {value!r} is none of {choices.get(name, 'their names')}")
        found.append(word)
    return tuple(dict.fromkeys(found))
