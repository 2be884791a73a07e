# SPDX-License-Identifier: BSD-2-Clause
"""Add up what many processes have counted: in parallel, in memory of the size of the programs.

Adding is commutative and associative, so the parts may come in any order.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from dataclasses import dataclass, field, replace
from operator import add, or_
from typing import TYPE_CHECKING

from raceshim.cover import _gcda
from raceshim.cover._bodies import is_flag
from raceshim.cover._bytes import LARGEST, CoverFileError
from raceshim.cover._inputs import check_name, read
from raceshim.cover._units import Counters, Mode, read_counters, split, write_counters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from raceshim.cover._bodies import Record, Records
    from raceshim.cover._inputs import Inputs
    from raceshim.cover._units import Meta, Raw

#: Files that one task reads; few enough that the bar moves.
_BATCH = 40
#: Fewer files than this are read before a process would have started.
_ALONE = 64


@dataclass(slots=True)
class Sums:
    """What programs have counted: by the program's hash, the counts of each of its link units."""

    programs: dict[str, dict[str, Counters]] = field(default_factory=dict)
    files: int = 0
    #: Why files were left out.
    skipped: list[str] = field(default_factory=list)
    #: Those of them that cannot be read.
    damaged: list[Path] = field(default_factory=list)

    def add(self, program: str, unit: Counters) -> None:
        """Add a process's counts of one link unit."""
        units = self.programs.setdefault(program, {})
        before = units.get(unit.meta.hash)
        if before is None:
            units[unit.meta.hash] = replace(unit, pid=0, records=dict(unit.records))
            return
        combine(before.records, unit.records, unit.meta)
        units[unit.meta.hash] = replace(before, time=max(before.time, unit.time))

    def totals(self) -> dict[str, Counters]:
        """Return the counts of each link unit over all programs that it was part of."""
        total = Sums()
        for _, units in sorted(self.programs.items()):
            for unit in units.values():
                total.add("", unit)
        return total.programs.get("", {})


def combine(into: Records, new: Records, meta: Meta) -> None:
    """Add counts to counts: or for flags, and else a sum that stays at its largest."""
    only_flags = is_flag(meta.identity, is_set=meta.mode == Mode.SET)
    plus = or_ if only_flags else add
    for index, record in new.items():
        before = into.get(index)
        if before is None:
            into[index] = record
        elif isinstance(before, tuple) and isinstance(record, tuple):
            values = tuple(map(plus, before[0], record[0]))
            if max(values, default=0) > LARGEST:
                values = tuple([min(value, LARGEST) for value in values])
            into[index] = (values, _or_bytes(before[1], record[1]) if before[1] else b"")
        else:
            into[index] = _sum(before, record, only_flags=only_flags)


def merge(
    inputs: Inputs,
    *,
    jobs: int = 1,
    skip_damaged: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Sums:
    """Add up all files of counters that are asked for."""
    sums = Sums(skipped=list(inputs.warnings))
    for part, number in _parts(inputs, jobs, skip_damaged=skip_damaged):
        sums.files += part.files
        sums.skipped += part.skipped
        sums.damaged += part.damaged
        for program, data in part.units:
            (raw,) = split(data, "merged counters")
            sums.add(program, read_counters(raw, inputs.metas[raw.hash]))
        if advance is not None:
            advance(number)
    sums.skipped.sort()
    return sums


@dataclass(frozen=True, slots=True)
class _Part:
    """What one task has added up, as bytes, which are quick to send."""

    units: list[tuple[str, bytes]]
    files: int
    skipped: list[str]
    damaged: list[Path]


def _parts(inputs: Inputs, jobs: int, *, skip_damaged: bool) -> Iterator[tuple[_Part, int]]:
    files = inputs.counters
    batches = [files[i : i + _BATCH] for i in range(0, len(files), _BATCH)]
    if jobs == 1 or len(files) < _ALONE:
        for batch in batches:
            yield _merge_batch(inputs, batch, skip_damaged=skip_damaged), len(batch)
        return
    # A fork has the meta-data; it is the cheapest way to give it to them.
    context = multiprocessing.get_context("fork")
    with context.Pool(min(jobs, len(batches)), _start, (inputs, skip_damaged)) as pool:
        for number, part in pool.imap_unordered(_work, batches):
            yield part, number


_task: tuple[Inputs, bool]


def _start(inputs: Inputs, skip_damaged: bool) -> None:
    global _task  # noqa: PLW0603 - what a worker is given once, and not with every batch
    _task = (inputs, skip_damaged)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _work(batch: Sequence[Path]) -> tuple[int, _Part]:
    inputs, skip_damaged = _task
    return len(batch), _merge_batch(inputs, batch, skip_damaged=skip_damaged)


def _merge_batch(inputs: Inputs, files: Sequence[Path], *, skip_damaged: bool) -> _Part:
    sums = Sums()
    for file in files:
        try:
            _add_file(sums, inputs, file)
        except CoverFileError as error:
            if not skip_damaged:
                raise
            sums.skipped.append(f"skipped: {error}")
            sums.damaged.append(file)
    units = [
        (program, write_counters(unit))
        for program, link_units in sums.programs.items()
        for unit in link_units.values()
    ]
    return _Part(units, sums.files, sums.skipped, sums.damaged)


def _add_file(sums: Sums, inputs: Inputs, file: Path) -> None:
    """Add a file, whole or not at all."""
    units = split(read(file), str(file))
    program = units[0].hash
    check_name(file, program)
    # A program's file holds its libraries too; of another program's, only the library asked for.
    wanted = units if inputs.wants(program) else [u for u in units if inputs.wants(u.hash)]
    if not wanted:
        meta = inputs.metas.get(program)
        sums.skipped.append(f"skipped: {file}: of {meta.path if meta else 'another program'}")
        return
    read_units = [read_counters(unit, _meta(inputs, unit)) for unit in wanted]
    for unit in read_units:
        sums.add(program, unit)
    sums.files += 1


def _meta(inputs: Inputs, raw: Raw) -> Meta:
    meta = inputs.metas.get(raw.hash)
    if meta is None:
        raise CoverFileError(
            f"{raw.file}: byte {raw.begin - 40}: there is no covmeta.{raw.hash} for these "
            "counters; it is written into the same directory when the program starts"
        )
    return meta


def _sum(before: Record, new: Record, *, only_flags: bool) -> Record:
    if isinstance(before, bytes) and isinstance(new, bytes):
        return _gcda.merge(before, new)
    if isinstance(before, int) and isinstance(new, int):
        return before | new if only_flags else min(before + new, LARGEST)
    raise AssertionError("records of different engines")


def _or_bytes(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) | int.from_bytes(other)).to_bytes(len(one))


@contextlib.contextmanager
def progress(total: int, *, forced: bool) -> Iterator[Callable[[int], None] | None]:
    """Show on stderr how many files are done, on a terminal or if asked to."""
    import sys  # noqa: PLC0415

    if total < _ALONE or not (forced or sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only for those who look
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, force_terminal=True if forced else None)
    columns = (TextColumn("merging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=total)
        yield lambda number: bar.advance(task, number)
