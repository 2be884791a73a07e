# SPDX-License-Identifier: BSD-2-Clause
"""Results of the gate as its JSON has them, for what remembers them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NUMBER = count()
_VERDICTS = {0: "clean", 1: "races", 4: "inconclusive"}


def fingerprint(number: int) -> str:
    """Return the fingerprint of a finding."""
    return f"v1-{number:016x}"


def result(
    folder: Path,
    *open_findings: int,
    suppressed: Sequence[int] = (),
    exit_code: int | None = None,
    command: str = "make check",
) -> Path:
    """Write what a run has found; each call is a run of its own."""
    code = (1 if open_findings else 0) if exit_code is None else exit_code
    number = next(_NUMBER)
    states = [(n, "open") for n in open_findings] + [(n, "suppressed") for n in suppressed]
    content = {
        "schema": 1,
        "mode": "command",
        "verdict": _VERDICTS[code],
        "exit_code": code,
        "command": command.split(),
        "detector": "thread",
        "started": f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number):%FT%TZ}",
        "findings": [
            {
                "fingerprint": fingerprint(n),
                "kind": "data race",
                "kind_class": "race",
                "title": f"data race in f{n}, g{n}",
                "state": state,
                "count": 2,
            }
            for n, state in states
        ],
    }
    path = folder / f"race{number}.json"
    path.write_text(json.dumps(content))
    return path
