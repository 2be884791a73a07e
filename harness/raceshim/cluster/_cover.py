# SPDX-License-Identifier: BSD-2-Clause
"""Coverage of the runs of a chunk: added up on the worker, and written where the gate is."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from raceshim._files import write_whole
from raceshim.cover import _inputs, _merge
from raceshim.cover._output import write_directory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raceshim.cluster._store import Tree

_COUNTERS = "covcounters."


def collected(folder: Path, tree: Tree | None) -> tuple[tuple[str, bytes], ...]:
    """Add up what programs have left in a folder; in terms of the gate's machine, by name.

    What cannot be read goes there as it is, where it is told as if the programs had run there.
    """
    inputs = _inputs.find([str(folder)], skip_damaged=True)
    if not inputs.counters:
        return ()
    sums = _merge.merge(inputs, jobs=1, skip_damaged=True)
    if tree is not None:
        metas = {
            number: replace(meta, path=tree.to_here(meta.path))
            for number, meta in inputs.metas.items()
        }
        inputs = replace(inputs, metas=metas)
    with TemporaryDirectory(prefix="sum-", dir=folder) as place:
        write_directory(Path(place), inputs, sums)
        return tuple(
            (file.name, zlib.compress(file.read_bytes(), 1))
            for file in (*sorted(Path(place).iterdir()), *sums.damaged)
        )


def put(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write what a chunk has left; two sums of the same name are two all the same."""
    for name, data in files:
        place = folder / name
        while place.name.startswith(_COUNTERS) and place.exists():
            head, _, time = place.name.rpartition(".")
            place = folder / f"{head}.{int(time) + 1}"
        if not place.exists():
            write_whole(place, zlib.decompress(data))
