# SPDX-License-Identifier: BSD-2-Clause
"""Find coverage files, read the meta-data, and select programs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError, UsageError
from raceshim.cover._bytes import CoverFileError
from raceshim.cover._elf import build_id
from raceshim.cover._units import COUNTERS, META, read_metas

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.cover._units import Meta

_NAME = re.compile(r"(covmeta|covcounters)\.([0-9a-f]{32})(?:\.\d+\.\d+)?")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the command was given: the meta-data by hash, and the files of counters."""

    metas: dict[str, Meta]
    counters: tuple[Path, ...]
    #: Hashes of the link units that are asked for; None if all are.
    selected: frozenset[str] | None = None
    #: Where a link unit's binary lies now, if somebody has said so.
    binaries: dict[str, Path] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def wants(self, number: str) -> bool:
        """Whether a link unit is asked for."""
        return self.selected is None or number in self.selected


def find(
    places: Sequence[str], binaries: Sequence[str] = (), *, skip_damaged: bool = False
) -> Inputs:
    """Return what lies in these directories and files."""
    if not places:
        raise UsageError("no input: name directories that RACESHIM_COVERDIR was set to")
    meta_files, counter_files = _files(places)
    metas: dict[str, Meta] = {}
    warnings: list[str] = []
    for file in meta_files:
        try:
            found = read_metas(read(file), str(file))
            check_name(file, found[0].hash)
        except CoverFileError as error:
            if not skip_damaged:
                raise
            warnings.append(f"skipped: {error}")
            continue
        for meta in found:
            metas.setdefault(meta.hash, meta)
    if not binaries:
        return Inputs(metas, counter_files, warnings=tuple(warnings))
    moved: dict[str, Path] = {}
    selected: set[str] = set()
    for binary in binaries:
        matching = _select(binary, metas.values())
        if not matching:
            known = ", ".join(sorted({meta.path for meta in metas.values()})) or "none"
            raise UsageError(f"no meta-data of {binary}; there is some of: {known}")
        selected.update(matching)
        if Path(binary).is_file():
            moved.update(dict.fromkeys(matching, Path(binary)))
    return Inputs(metas, counter_files, frozenset(selected), moved, tuple(warnings))


def counter_files(places: Sequence[str]) -> tuple[Path, ...]:
    """Return the files of counters among these places."""
    return _files(places)[1]


def read(file: Path) -> bytes:
    """Return a file's bytes."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ToolError(f"{file}: {error.strerror}") from None


def check_name(file: Path, number: str) -> None:
    """Refuse a file whose name has another hash than its first unit."""
    match = _NAME.fullmatch(file.name)
    if match and match[2] != number:
        raise CoverFileError(f"{file}: byte 24: the hash is {number}, not that of the name")


def _files(places: Iterable[str]) -> tuple[list[Path], tuple[Path, ...]]:
    metas: dict[Path, None] = {}
    counters: dict[Path, None] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            try:
                names = sorted(p.name for p in path.iterdir())
            except OSError as error:
                raise ToolError(f"{path}: {error.strerror}") from None
            for name in names:
                if name.startswith("covmeta."):
                    metas[path / name] = None
                elif name.startswith("covcounters."):
                    counters[path / name] = None
            continue
        if not path.exists():
            raise UsageError(f"no such file or directory: {path}")
        with path.open("rb") as file:
            magic = file.read(len(META))
        if magic not in (META, COUNTERS):
            raise CoverFileError(f"{path}: byte 0: no coverage file: the magic number is wrong")
        (metas if magic == META else counters)[path] = None
    return list(metas), tuple(counters)


def _select(binary: str, metas: Iterable[Meta]) -> set[str]:
    """Return the hashes of the link units that a user means by a file or a name."""
    path = Path(binary)
    if not path.is_file():
        return {m.hash for m in metas if f"/{m.path}".endswith(f"/{binary}")}
    wanted = build_id(path)
    return {
        m.hash
        for m in metas
        if (m.build_id == wanted if m.build_id and wanted else _same(Path(m.path), path))
    }


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
