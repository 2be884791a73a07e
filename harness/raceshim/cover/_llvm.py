# SPDX-License-Identifier: BSD-2-Clause
"""The source engine's counts, through the LLVM tools of the version that built the program."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import ToolError
from raceshim.cc._compilers import which
from raceshim.cover import _lcov, _profraw
from raceshim.cover._bodies import Source
from raceshim.cover._model import File, Function

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.cover._units import Counters, Meta

_VERSION = re.compile(r"[Cc]lang (?:version )?(\d+)\.")
#: The kind of a region that is plain code, in llvm-cov's JSON.
_CODE = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts that LLVM's tools can read, and the binaries that they belong to."""

    version: int
    profdata: Path
    binaries: tuple[Path, ...]

    def cov(self, command: str, *arguments: str) -> str:
        """Run llvm-cov and return what it prints."""
        first, *others = map(str, self.binaries)
        objects = [word for other in others for word in ("-object", other)]
        line = [
            find_tool("llvm-cov", self.version),
            *(command, first, *objects),
            f"-instr-profile={self.profdata}",
            *arguments,
        ]
        return run(line)


def llvm_version(meta: Meta) -> int:
    """Return the major version of the clang that built a link unit."""
    match = _VERSION.search(meta.compiler)
    if match is None:
        raise ToolError(
            f"{meta.path}: built by {meta.compiler or 'an unknown compiler'!r}: cannot tell which "
            "version of LLVM's tools reads its coverage"
        )
    return int(match[1])


def find_tool(name: str, version: int) -> str:
    """Return the path of an LLVM tool of exactly this version, which is what reads its files."""
    for candidate in (f"{name}-{version}", f"/usr/lib/llvm-{version}/bin/{name}"):
        path = which(candidate)
        if path is not None:
            return path
    path = which(name)
    if path is not None:
        # Older llvm-profdata do not say which they are; llvm-cov beside them does.
        said = subprocess.run(
            [Path(path).resolve().with_name("llvm-cov"), "--version"],
            check=False,
            capture_output=True,
            text=True,
        )
        if f"version {version}." in said.stdout:
            return path
    raise ToolError(
        f"needs {name} of LLVM {version}, the version that built the program; install the package "
        f"llvm-{version}, or put {name}-{version} on PATH"
    )


@contextlib.contextmanager
def profile(units: Sequence[tuple[Counters, Path]]) -> Iterator[Profile]:
    """Give the counts of link units that one version of clang has built to LLVM's tools."""
    version = llvm_version(units[0][0].meta)
    with tempfile.TemporaryDirectory(prefix="raceshim-cover-") as name:
        folder = Path(name)
        merged = folder / "merged.profdata"
        merged_profile(units, merged)
        yield Profile(version, merged, tuple(binary for _, binary in units))


def merged_profile(units: Sequence[tuple[Counters, Path]], output: Path) -> None:
    """Write an indexed profile (.profdata)."""
    tool = find_tool("llvm-profdata", llvm_version(units[0][0].meta))
    with tempfile.TemporaryDirectory(prefix="raceshim-cover-") as name:
        raws = []
        for number, (unit, _) in enumerate(units):
            raw = Path(name, f"{number}.profraw")
            raw.write_bytes(raw_profile(unit))
            raws.append(str(raw))
        run([tool, "merge", "-o", str(output), *raws])


def raw_profile(unit: Counters) -> bytes:
    """Return a raw profile (.profraw)."""
    if not isinstance(unit.meta.identity, Source):
        raise ToolError(f"{unit.meta.path}: not built with clang's source coverage")
    return _profraw.write(unit, unit.meta.identity)


def files(units: Sequence[tuple[Counters, Path]], *, ranges: bool) -> list[File]:
    """Return what llvm-cov says of lines, functions and branches; with `ranges` functions' ends."""
    with profile(units) as data:
        found = _lcov.read(data.cov("export", "-format=lcov"))
        if ranges:
            _set_ranges(found, json.loads(data.cov("export", "-format=text")))
    return found


def run(line: Sequence[str], folder: Path | None = None) -> str:
    """Run a tool; what it says goes into the error if it fails."""
    done = subprocess.run(
        line, check=False, capture_output=True, text=True, errors="replace", cwd=folder
    )
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        raise ToolError(f"{Path(line[0]).name} failed: {said}")
    return done.stdout


def _set_ranges(found: list[File], export: dict[str, Any]) -> None:
    """Replace functions by those of the JSON export, which has their ends."""
    by_path = {file.path: file for file in found}
    functions: dict[str, list[Function]] = {}
    for function in export["data"][0].get("functions", ()):
        body = function["regions"][0]
        name = function["filenames"][body[5]]
        code = [r for r in function["regions"] if r[7] == _CODE and r[5] == body[5]] or [body]
        line, end = min(r[0] for r in code), max(r[2] for r in code)
        functions.setdefault(name, []).append(
            Function(_lcov.plain_name(function["name"]), line, end, function["count"])
        )
    for path, file in by_path.items():
        file.functions = functions.get(path, file.functions)
