# SPDX-License-Identifier: BSD-2-Clause
"""Reports of gates, without what no two runs have in common."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

#: Times, and what the kernel gives out: ids and addresses.
_CHANCE = ("address", "cpu", "pc", "pid", "pids", "seconds", "started")
_NUMBERS = re.compile(r"0x[0-9a-f]+|\b(?:pid|tid|process)[= ]\d+|\b(?:running|finished)\b")


def bare(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out of a value what is chance."""
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items() if key not in _CHANCE}
    if isinstance(value, list):
        return [bare(one) for one in value]
    return _NUMBERS.sub("*", value) if isinstance(value, str) else value


def report(file: Path) -> dict[str, Any]:
    """Return the gate's JSON, bare."""
    found: dict[str, Any] = bare(json.loads(file.read_text()))
    return found


def lines(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a gate's results, bare."""
    return [bare(json.loads(line)) for line in file.read_text().splitlines()]


def numbers(file: Path) -> list[int]:
    """Return the numbers of the runs that left a line, in the order of the lines."""
    return [json.loads(line)["task"]["number"] for line in file.read_text().splitlines()]
