# SPDX-License-Identifier: BSD-2-Clause
"""What a bisection knows by now, in a file: it is interrupted more often than not.

It is kept for the user, in $XDG_STATE_HOME/raceshim/bisect (~/.local/state/...), in a folder named
by everything that was asked for. So the same command goes on where it stopped, and another one
knows nothing of it. The work tree is in the same folder: always at the same place, so that caches
of compilers know it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import ToolError
from raceshim._files import write_text
from raceshim.bisect._search import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Raised when the file changes: what an older raceshim has left is then not found.
_SCHEMA = 1


@dataclass(slots=True)
class Tested:
    """A commit that was tested, or is: then there is no verdict yet.

    `runs` are those that count, `needed` how many must be silent for it to be good. `slots` counts
    them by policy and input. `doubtful` runs were inconclusive, `why` says of what. `moved` and
    `similar` are fingerprints; see `_target`.
    """

    commit: str
    verdict: Verdict | None = None
    needed: int = 0
    runs: int = 0
    shown: int = 0
    doubtful: int = 0
    why: str = ""
    moved: str | None = None
    similar: list[str] = field(default_factory=list)
    slots: dict[str, int] = field(default_factory=dict)
    shown_slots: dict[str, int] = field(default_factory=dict)
    doubtful_slots: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """Everything that is known. `number` is that of the next run, for no two have the same seeds.

    `bad` is the bad end, at which the rate is measured.
    """

    path: Path
    number: int = 0
    finding: dict[str, Any] | None = None
    bad: Tested | None = None
    tested: list[Tested] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        """Return where the work tree is."""
        return self.path.with_name("tree")

    def of(self, commit: str) -> Tested:
        """Return what is known of a commit."""
        known = next((one for one in self.tested if one.commit == commit), None)
        if known is None:
            known = Tested(commit)
            self.tested.append(known)
        return known

    def save(self) -> None:
        """Write it down."""
        content = {
            "number": self.number,
            "finding": self.finding,
            "bad": None if self.bad is None else asdict(self.bad),
            "tested": [asdict(one) for one in self.tested],
        }
        try:
            write_text(str(self.path), json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise ToolError(f"{self.path}: {error.strerror}") from None

    def _load(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        try:
            content = json.loads(text)
            self.number, self.finding = content["number"], content["finding"]
            self.bad = None if content["bad"] is None else _tested(content["bad"])
            self.tested = [_tested(one) for one in content["tested"]]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ToolError(f"{self.path}: damaged: {error}; --fresh begins anew") from None


@contextlib.contextmanager
def kept(asked: Mapping[str, Any], *, fresh: bool) -> Iterator[State]:
    """Open what is kept of a bisection; nobody else has it meanwhile."""
    name = sha256(json.dumps([_SCHEMA, asked], sort_keys=True).encode()).hexdigest()[:16]
    folder = _folder() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w", encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ToolError("the same bisection is going on already") from None
        state = State(folder / "state.json")
        if fresh:
            state.path.unlink(missing_ok=True)
        state._load()  # noqa: SLF001 - ours
        yield state


def forget(state: State) -> None:
    """Remove it: it has come to its end."""
    shutil.rmtree(state.path.parent, ignore_errors=True)


def _tested(content: dict[str, Any]) -> Tested:
    verdict = content["verdict"]
    return Tested(**content | {"verdict": None if verdict is None else Verdict(verdict)})


def _folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "state") / "raceshim" / "bisect"
    except RuntimeError as error:  # there is no home
        raise ToolError(f"set XDG_STATE_HOME: {error}") from None
