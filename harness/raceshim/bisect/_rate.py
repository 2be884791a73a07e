# SPDX-License-Identifier: BSD-2-Clause
"""How often a finding shows, as somebody else has measured it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.bisect._odds import Known, Measured

if TYPE_CHECKING:
    from collections.abc import Sequence

_COUNTS = re.compile(r"(\d+)/(\d+)")
_HISTORY = "history"


def read(text: str, finding: str, bad: str, db: str) -> Measured | Known:
    """Read what was told on the command line."""
    counts = _COUNTS.fullmatch(text)
    rate: Measured | Known
    if counts:
        rate = Measured(int(counts[1]), int(counts[2]))
    elif text == _HISTORY:
        rate = _of_history(finding, bad, db)
    else:
        try:
            rate = Known(float(text))
        except ValueError:
            rate = _of_file(finding, text)
    if isinstance(rate, Known):
        if not 0 < rate.rate <= 1:
            raise UsageError(f"--rate: {text} is no rate: from 0 to 1, and not 0")
    elif not 0 < rate.shown <= rate.runs:
        raise UsageError(f"--rate: {rate.shown} of {rate.runs} runs is no rate to rely on")
    return rate


def _of_file(finding: str, path: str) -> Measured:
    from raceshim.history._results import read as read_results  # noqa: PLC0415 - few tell a file

    (result,) = read_results([path])
    found = next((one for one in result.findings if one.fingerprint == finding), None)
    if found is None:
        raise UsageError(f"--rate: {path} knows nothing of {finding}")
    return Measured(found.shown, result.counted)


def _of_history(finding: str, bad: str, db: str) -> Measured:
    from raceshim.history import _views  # noqa: PLC0415 - SQLAlchemy need not be there
    from raceshim.history._database import Database  # noqa: PLC0415

    database = Database(db, make=False)
    at: Sequence[_views.AtCommit]
    _, at = database.within(lambda connection: _views.finding(connection, finding))
    rate = next((one.rate for one in at if one.commit.name == bad), None)
    if rate is None:
        raise UsageError(f"--rate: the history has no runs of {bad[:12]}; leave it out")
    return Measured(rate.seen, rate.runs)
