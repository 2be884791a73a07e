# SPDX-License-Identifier: BSD-2-Clause
"""gcc's engine: the counter files go back to disk, and gcov of the same version reads them."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import ToolError
from raceshim.cc._compilers import which
from raceshim.cover._bodies import Gcov
from raceshim.cover._llvm import run
from raceshim.cover._model import File, Function

if TYPE_CHECKING:
    from raceshim.cover._units import Counters


def files(unit: Counters) -> list[File]:
    """Return what gcov says; of an object file that was never reached, that nothing was."""
    with tempfile.TemporaryDirectory(prefix="raceshim-cover-") as name:
        tool = _find_gcov(unit)
        found = []
        for number, (file, data) in enumerate(_files(unit)):
            place = Path(name, str(number))
            place.mkdir()
            notes = Path(file).with_suffix(".gcno")
            if not notes.is_file():
                raise ToolError(
                    f"{unit.meta.file}: {notes} is gone; gcc left it when it compiled, and gcov "
                    "needs it"
                )
            shutil.copy(notes, place / notes.name)
            if data:
                (place / Path(file).name).write_bytes(data)
            # gcov writes its result into the working directory.
            run([tool, "--json-format", "--branch-probabilities", notes.name], place)
            for result in place.glob("*.gcov.json.gz"):
                found += _read(json.loads(gzip.decompress(result.read_bytes())))
        return found


def extract(unit: Counters, folder: Path) -> list[Path]:
    """Write the .gcda files, each where gcc would have, below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file, data in _files(unit):
        if not data:
            continue
        path = folder / file.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.append(path)
    return written


def _files(unit: Counters) -> list[tuple[str, bytes]]:
    identity = unit.meta.identity
    assert isinstance(identity, Gcov)  # noqa: S101 - by the engine's number
    records = [unit.records.get(index, b"") for index in range(len(identity.files))]
    return [
        (file.file, record if isinstance(record, bytes) else b"")
        for file, record in zip(identity.files, records, strict=True)
    ]


def _find_gcov(unit: Counters) -> str:
    match = re.match(r"(\d+)\.", unit.meta.compiler)
    if match is None:
        raise ToolError(f"{unit.meta.path}: built by {unit.meta.compiler!r}, which is no gcc")
    version = match[1]
    path = which(f"gcov-{version}") or which("gcov")
    if path is None or f" {version}." not in run([path, "--version"]).splitlines()[0]:
        raise ToolError(
            f"needs gcov of gcc {version}, which built the program; install the package "
            f"gcc-{version}, or put gcov-{version} on PATH"
        )
    return path


def _read(result: dict[str, Any]) -> list[File]:
    folder = result.get("current_working_directory", "/")
    found = []
    for entry in result["files"]:
        path = os.path.normpath(os.path.join(folder, entry["file"]))  # noqa: PTH118
        file = File(path)
        for line in entry["lines"]:
            number = line["line_number"]
            file.lines[number] = max(file.lines.get(number, 0), line["count"])
            for index, branch in enumerate(line.get("branches", ())):
                if not branch["throw"]:
                    seen = bool(line["count"])
                    file.branches[number, "0", str(index)] = branch["count"] if seen else None
        file.functions = [
            Function(f["demangled_name"], f["start_line"], f["end_line"], f["execution_count"])
            for f in entry["functions"]
        ]
        found.append(file)
    return found
