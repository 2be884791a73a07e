# SPDX-License-Identifier: BSD-2-Clause
"""Repositories with a race planted at a known commit, and a stand-in for what runs them."""

from __future__ import annotations

import functools
import io
import math
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raceshim.bisect._bisection import Bisection
from raceshim.bisect._repository import Commit, Repository
from raceshim.bisect._search import Verdict
from raceshim.bisect._state import State, Tested
from raceshim.bisect._target import target

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from raceshim.bisect._odds import Known, Measured


def git(folder: Path, *words: str, stdin: str | None = None) -> str:
    """Run git."""
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(folder)},
    )
    return done.stdout.strip()


def history(
    folder: Path,
    files: Sequence[Mapping[str, str]],
    parents: Callable[[int], Sequence[int]] = lambda n: [n - 1] if n else [],
) -> list[str]:
    """Make a repository of so many commits, each with all its files; return their names."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", ".")
    stream = []
    for number, content in enumerate(files):
        subject = f"change {number}"
        stream += [
            f"commit refs/heads/main\nmark :{number + 1}",
            f"committer Ada <ada@example.org> {1_700_000_000 + 60 * number} +0000",
            f"data {len(subject)}\n{subject}",
        ]
        before = parents(number)
        stream += [f"{'merge' if at else 'from'} :{one + 1}" for at, one in enumerate(before)]
        stream.append("deleteall")
        stream += [
            f"M 100644 inline {name}\ndata {len(text.encode())}\n{text}"
            for name, text in content.items()
        ]
    marks = folder / ".git" / "marks"
    git(folder, "fast-import", "--quiet", f"--export-marks={marks}", stdin="\n".join(stream) + "\n")
    named = dict(line.split() for line in marks.read_text().splitlines())
    git(folder, "reset", "-q", "--hard", named[f":{len(files)}"])
    return [named[f":{number + 1}"] for number in range(len(files))]


class Asked:
    """A repository that is asked everything once, for thousands of bisections."""

    def __init__(self, folder: Path) -> None:
        repository = Repository(folder)
        self.between = functools.cache(repository.between)
        self.bases = functools.cache(repository.bases)
        self.describe = functools.cache(repository.describe)


@dataclass
class Drawn:
    """Runs by chance: a commit that is bad shows it with a probability that is exactly known."""

    rates: Mapping[str, float]
    chance: random.Random
    round: int = 1
    untestable: frozenset[str] = frozenset()
    #: The bad commits that were tested, with how many silent runs would have made them good.
    bad: list[int] = field(default_factory=list)

    def until_shown(self, rate: float) -> float:
        """Return how many runs it takes until one shows it."""
        if not rate:
            return math.inf
        return 1 if rate >= 1 else 1 + int(math.log(1 - self.chance.random()) / math.log1p(-rate))

    def measure(self, bad: Tested, shows: int, patience: int) -> None:
        rate = self.rates[bad.commit]
        for _ in range(shows):
            runs = self.until_shown(rate)
            if not bad.shown and runs > patience:
                bad.runs = patience
                return
            bad.runs += int(runs)
            bad.shown += 1

    def test(self, one: Tested, needed: int) -> Verdict:
        rate = self.rates.get(one.commit, 0.0)
        one.needed = needed
        runs = self.until_shown(rate)
        if one.commit in self.untestable:
            one.verdict, one.why = Verdict.SKIPPED, "does not build"
        elif runs <= needed:
            one.verdict, one.shown, one.runs = Verdict.BAD, 1, int(runs)
        else:
            one.verdict, one.runs = Verdict.GOOD, needed
        if rate:
            self.bad.append(needed)
        return one.verdict


def bisect(
    asked: Asked,
    drawn: Drawn,
    good: str,
    bad: str,
    path: Path,
    *,
    error: float,
    told: Measured | Known | None = None,
) -> Bisection:
    """Bisect by chance; its answer is in `found`, what it tells in `stream`."""
    bisection = Bisection(asked, State(path), target("v1-0"), drawn, io.StringIO(), error)
    bisection.run([good], bad, told)
    return bisection


__all__ = ["Asked", "Commit", "Drawn", "bisect", "git", "history"]
