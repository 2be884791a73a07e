# SPDX-License-Identifier: BSD-2-Clause
"""Write coverage directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim._errors import ToolError, UsageError
from raceshim._files import write_whole
from raceshim.cover._units import write_counters, write_meta

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.cover._inputs import Inputs
    from raceshim.cover._merge import Sums


def write_directory(folder: Path, inputs: Inputs, sums: Sums) -> None:
    """Write what was added up as if one process of each program had counted it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(path.name.startswith("covcounters.") for path in folder.iterdir()):
            raise UsageError(
                f"{folder} has coverage files already, and all in a directory count together: "
                "name one that is new or empty"
            )
        for number, meta in sorted(inputs.metas.items()):
            if inputs.wants(number) or any(number in units for units in sums.programs.values()):
                write_whole(folder / f"covmeta.{number}", write_meta(meta))
        for program, units in sorted(sums.programs.items()):
            time = max(unit.time for unit in units.values())
            # The program's own unit is the first, and gives the file its name.
            order = sorted(units, key=lambda number: (number != program, number))
            first = order[0]
            data = b"".join(write_counters(units[number]) for number in order)
            write_whole(folder / f"covcounters.{first}.0.{time}", data)
    except OSError as error:
        raise ToolError(f"{folder}: {error.strerror}") from None
