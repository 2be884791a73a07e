# SPDX-License-Identifier: BSD-2-Clause
"""How far many runs are, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from types import TracebackType

    from raceshim._campaign import Campaign

#: Where there is no terminal, a line tells how far it is, so that nobody takes it for dead.
_EVERY = 30.0


class Progress:
    """Shows how far it is; use it as `with`, and call it after each run."""

    def __init__(self, total: int | None, what: str) -> None:
        """Be about so many, where that is known."""
        self._total = total
        self._console = Console(file=sys.stderr)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, note="")
        self._last = time.monotonic()
        self._place = ""
        self._found = ""

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.__exit__(kind, error, trace)

    def __call__(self, campaign: Campaign) -> None:
        """Count a run."""
        count = len(campaign.open)
        note = f"{count} finding{'' if count == 1 else 's'}"
        self._found = f"[red]{note}[/] " if count else ""
        self._bar.update(self._task, advance=1, note=self._found + self._place)
        if not self._console.is_terminal and time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            of = "" if self._total is None else f" of {self._total}"
            where = f"; {self._place}" if self._place else ""
            sys.stderr.write(f"raceshim: {campaign.tally.runs}{of} runs, {note}{where}\n")

    def place(self, text: str) -> None:
        """Tell where the runs are made."""
        if text != self._place:
            self._place = text
            self._bar.update(self._task, note=self._found + self._place)

    def say(self, text: str) -> None:
        """Tell what has happened on the way, which is no part of the report."""
        self._console.print(f"raceshim: {text}", markup=False, highlight=False, soft_wrap=True)
