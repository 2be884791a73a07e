# SPDX-License-Identifier: BSD-2-Clause
"""From counts to source files: each link unit's counts with its binary, engine by engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.cover import _edges, _gcov, _llvm
from raceshim.cover._bodies import EDGE_COUNTS, EDGES, GCOV, REGISTERED, SOURCE, Registered
from raceshim.cover._elf import build_id
from raceshim.cover._model import File, Function, merge
from raceshim.cover._units import Counters

if TYPE_CHECKING:
    from raceshim.cover._inputs import Inputs
    from raceshim.cover._merge import Sums
    from raceshim.cover._units import Meta


@dataclass(slots=True)
class Units:
    """The link units of a report, each with the place of its binary."""

    source: dict[int, list[tuple[Counters, Path]]] = field(default_factory=dict)
    edges: list[tuple[Counters, Path]] = field(default_factory=list)
    registered: list[Counters] = field(default_factory=list)
    gcov: list[Counters] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def only_source(self) -> list[tuple[Counters, Path]] | None:
        """Return the units if one version of LLVM's tools can show all of them."""
        if len(self.source) == 1 and not (self.edges or self.registered or self.gcov):
            return next(iter(self.source.values()))
        return None

    def all_source(self) -> list[tuple[Counters, Path]]:
        """Return the units of the source engine."""
        return [pair for version in sorted(self.source) for pair in self.source[version]]


def units(inputs: Inputs, sums: Sums, *, binaries: bool = True) -> Units:
    """Return what is to be reported, also what was never executed."""
    totals = sums.totals()
    found = Units(skipped=list(sums.skipped))
    wanted = set(totals) | {number for number in inputs.metas if inputs.wants(number)}
    for number in sorted(wanted, key=lambda n: (inputs.metas[n].path, n)):
        meta = inputs.metas[number]
        unit = totals.get(number, Counters(meta, 0, 0, {}))
        if meta.engine == REGISTERED:
            found.registered.append(unit)
        elif meta.engine == GCOV:
            found.gcov.append(unit)
        else:
            path = Path(meta.path)
            if binaries:
                place = binary_of(inputs, meta, found.skipped, counted=number in totals)
                if place is None:
                    continue
                path = place
            if meta.engine == SOURCE:
                found.source.setdefault(_llvm.llvm_version(meta), []).append((unit, path))
            elif meta.engine in (EDGES, EDGE_COUNTS):
                found.edges.append((unit, path))
    if not wanted:
        raise ToolError(
            "nothing to report: there is no covmeta file; was the program built with "
            "`raceshim cc --cover=MODE` and run with RACESHIM_COVERDIR?"
        )
    return found


def files(report: Units, *, ranges: bool = False) -> list[File]:
    """Return the source files of all link units; with `ranges` with the ends of functions."""
    found: list[File] = []
    for version in sorted(report.source):
        found += _llvm.files(report.source[version], ranges=ranges)
    for unit, binary in report.edges:
        found += _edges.files(unit, binary)
    for unit in report.registered:
        found += _registered(unit)
    for unit in report.gcov:
        found += _gcov.files(unit)
    return merge(found)


def binary_of(inputs: Inputs, meta: Meta, skipped: list[str], *, counted: bool) -> Path | None:
    """Return where a link unit's binary lies; None if it is left out, which is said."""
    path = inputs.binaries.get(meta.hash, Path(meta.path))
    if not path.is_file():
        if not counted:
            skipped.append(f"skipped: {meta.file}: {path} is gone, and has counted nothing")
            return None
        raise ToolError(
            f"{meta.file}: the program {path} is gone, and only with it can coverage be shown; "
            "name where it lies with --binary FILE"
        )
    now = build_id(path)
    if not meta.build_id or now == meta.build_id:
        return path
    built = f"build id {meta.build_id}, now {now or 'none'}"
    newer = any(
        other.path == meta.path and other.build_id == now for other in inputs.metas.values()
    )
    if newer or not counted:
        skipped.append(f"skipped: {meta.file}: of an earlier build of {path} ({built})")
        return None
    raise ToolError(
        f"{meta.file}: {path} has been built anew since it was run ({built}); run it again, or "
        "name the binary that was run with --binary FILE"
    )


def _registered(unit: Counters) -> list[File]:
    """Return the lines that a user's own counters stand for."""
    identity = unit.meta.identity
    assert isinstance(identity, Registered)  # noqa: S101 - by the engine's number
    found: dict[str, File] = {}
    functions: dict[tuple[str, str], tuple[int, int, int]] = {}
    for index, point in enumerate(identity.points):
        record = unit.records.get(index, 0)
        count = record if isinstance(record, int) else 0
        if not point.file:
            continue
        file = found.setdefault(point.file, File(point.file))
        if point.line:
            file.lines[point.line] = max(file.lines.get(point.line, 0), count)
        if point.function:
            key = (point.file, point.function)
            line, end, first = functions.get(key, (point.line, point.line, count))
            functions[key] = (min(line, point.line), max(end, point.line), first)
    for (path, name), (line, end, count) in functions.items():
        found[path].functions.append(Function(name, line, end, count))
    return list(found.values())
