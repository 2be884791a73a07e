# SPDX-License-Identifier: BSD-2-Clause
"""What is asked of git, and a work tree beside the user's own.

Nothing here touches the files, the index or the HEAD of the repository that the user is in. Hooks
are off: they are for the user's own checkouts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from raceshim._errors import ToolError, UsageError

#: What git sets in hooks and aliases; with it, every folder is the same repository.
_LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
_GIT = ("git", "-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as people know it."""

    name: str
    date: str
    author: str
    subject: str


class Repository:
    """The repository that the user is in."""

    def __init__(self, folder: Path, *, first_parent: bool = False) -> None:
        """Find it; `first_parent` keeps to the branch that others were merged into."""
        self._folder = folder
        self._first_parent = ("--first-parent",) if first_parent else ()
        try:
            self.top = Path(self._ask("rev-parse", "--show-toplevel"))
            self.prefix = self._ask("rev-parse", "--show-prefix")
        except ToolError as error:
            raise UsageError(f"bisect needs a git repository: {error}") from None

    def commit(self, revision: str) -> str:
        """Return the full name of a commit."""
        try:
            return self._ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except ToolError:
            raise UsageError(f"{revision}: there is no such commit") from None

    def describe(self, name: str) -> Commit:
        """Return what people know a commit by."""
        text = self._ask("show", "-s", "--date=short", "--format=%cd%x00%an%x00%s", name, "--")
        date, author, subject = text.split("\0")
        return Commit(name, date, author, subject)

    def between(self, bad: str, goods: frozenset[str]) -> list[str]:
        """Return `bad` and what is before it and in no good one; what halves them best is first."""
        limits = [f"^{good}" for good in sorted(goods)]
        text = self._ask("rev-list", "--bisect-all", *self._first_parent, bad, *limits, "--")
        return [line.split(" ", 1)[0] for line in text.splitlines()]

    def bases(self, good: str, bad: str) -> list[str]:
        """Return what the two have in common; `good` itself if it is in the history of `bad`."""
        try:
            return self._ask("merge-base", "--all", good, bad).split()
        except ToolError:
            raise UsageError(f"{good[:12]} and {bad[:12]} have no history in common") from None

    def checkout(self, tree: Path, name: str, *, clean: bool) -> None:
        """Put a commit into a work tree, which is made if there is none.

        With `clean` nothing stays of what was built before.
        """
        if not (tree / ".git").is_file():
            shutil.rmtree(tree, ignore_errors=True)
            self._ask("worktree", "prune")
            self._ask("worktree", "add", "--quiet", "--force", "--detach", str(tree), name)
            return
        self._ask("checkout", "--quiet", "--force", "--detach", name, "--", within=tree)
        if clean:
            self._ask("clean", "-qffdx", within=tree)

    def remove(self, tree: Path) -> None:
        """Remove a work tree, and git's knowledge of it."""
        shutil.rmtree(tree, ignore_errors=True)
        self._ask("worktree", "prune")

    def _ask(self, *words: str, within: Path | None = None) -> str:
        try:
            done = subprocess.run(
                [*_GIT, *words],
                cwd=within or self._folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise ToolError(f"git: {error.strerror}") from None
        if done.returncode:
            told = done.stderr.strip().splitlines()
            raise ToolError(f"git {words[0]}: {told[-1] if told else 'failed'}")
        return done.stdout.removesuffix("\n")


def environment() -> dict[str, str]:
    """Return the environment without what binds git to one repository."""
    return {name: value for name, value in os.environ.items() if name not in _LOCAL}
