# SPDX-License-Identifier: BSD-2-Clause
"""The file of what has been answered for, and of what else is known of a project.

names = ["*_sig"]               # functions of these names are roots too

[[allow]]
function = "_dl_find_object"    # what is called; `*` and `?` as in a shell
from = "rshi_objects_*"         # only there, if it says so
kinds = ["unsafe"]              # only this, if it says so
reason = "takes no lock, and no detector intercepts it"
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import UsageError
from raceshim.audit._names import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The functions that are meant to be called from handlers, by their names.
NAMES = ("*_sig",)
_KEYS = {"function", "from", "kinds", "reason"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer: calls of these functions, from these, are right in this respect."""

    function: str
    caller: str
    kinds: tuple[str, ...]
    reason: str
    where: str

    def matches(self, names: Sequence[str], callers: Sequence[str]) -> bool:
        """Whether it is about a call."""
        return any(fnmatchcase(name, self.function) for name in names) and any(
            fnmatchcase(name, self.caller) for name in callers
        )


@dataclass(frozen=True, slots=True)
class Allowed:
    """A file's content."""

    names: tuple[str, ...] = NAMES
    entries: tuple[Entry, ...] = ()


def read(path: str | None) -> Allowed:
    """Read a file; what is not understood in it is an error."""
    if path is None:
        return Allowed()
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    unknown = sorted(table.keys() - {"names", "allow"})
    if unknown:
        raise UsageError(f"{path}: there is no key {unknown[0]!r}")
    entries = table.get("allow", [])
    if not isinstance(entries, list):
        raise UsageError(f"{path}: allow is no list: write [[allow]]")
    return Allowed(
        _texts(table.get("names", list(NAMES)), f"{path}: names"),
        tuple(_entry(one, f"{path}: allow {n}") for n, one in enumerate(entries, 1)),
    )


def _entry(table: Any, where: str) -> Entry:  # noqa: ANN401 - whatever somebody wrote
    if not isinstance(table, dict):
        raise UsageError(f"{where}: no table")
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise UsageError(f"{where}: there is no key {unknown[0]!r}")
    for key in ("function", "reason"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise UsageError(f"{where}: {key} is missing")
    kinds = _texts(table.get("kinds", list(KINDS)), f"{where}: kinds")
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong or not kinds:
        raise UsageError(f"{where}: kinds are some of {', '.join(KINDS)}")
    caller = table.get("from", "*")
    if not isinstance(caller, str):
        raise UsageError(f"{where}: from is no text")
    return Entry(table["function"], caller, kinds, table["reason"], where)


def _texts(value: Any, where: str) -> tuple[str, ...]:  # noqa: ANN401
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise UsageError(f"{where}: no list of texts")
    return tuple(value)
