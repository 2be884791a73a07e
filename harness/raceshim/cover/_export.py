# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim cover export`: the formats that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim import __version__
from raceshim._errors import ToolError, UsageError
from raceshim._files import write_text
from raceshim.cover import _cobertura, _lcov, _llvm, _report, _show

if TYPE_CHECKING:
    from raceshim.cover._inputs import Inputs
    from raceshim.cover._merge import Sums
    from raceshim.cover._model import File
    from raceshim.cover._report import Units
    from raceshim.cover._units import Counters


def export(kind: str, inputs: Inputs, sums: Sums, output: str | None) -> list[str]:
    """Write the report; return what was left out."""
    report = _report.units(inputs, sums, binaries=kind not in ("profraw", "profdata"))
    try:
        _write(kind, report, sums, output or "-")
    except OSError as error:
        raise ToolError(f"{error.filename or output}: {error.strerror}") from None
    return report.skipped


def _write(kind: str, report: Units, sums: Sums, output: str) -> None:
    match kind:
        case "profraw":
            _raw(report, Path(output))
        case "profdata":
            _indexed(report, Path(output))
        case "gcda":
            _gcda(report, Path(output))
        case "lcov":
            write_text(output, _lcov.write(_report.files(report)))
        case "cobertura":
            seconds = max((unit.time for unit in sums.totals().values()), default=0) // 10**9
            found = _report.files(report, ranges=True)
            write_text(output, _cobertura.write(found, str(Path.cwd()), seconds))
        case "json":
            write_text(output, _json(report))
        case "text":
            write_text(output, _text(report))
        case _:
            _html(report, Path(output))


def _raw(report: Units, output: Path) -> None:
    """Write a raw profile, or a directory with one for each link unit."""
    units = [unit for unit, _ in _source(report)]
    if len(units) == 1 and not output.is_dir():
        _put(output, _llvm.raw_profile(units[0]))
        return
    for unit in units:
        name = f"{Path(unit.meta.path).name}.{unit.meta.hash[:8]}.profraw"
        _put(output / name, _llvm.raw_profile(unit))


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _indexed(report: Units, output: Path) -> None:
    _source(report)
    if len(report.source) > 1:
        versions = " and ".join(map(str, sorted(report.source)))
        raise UsageError(
            f"built by clang {versions}, and one .profdata is for one version: select programs "
            "with --binary"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    _llvm.merged_profile(report.all_source(), output)


def _source(report: Units) -> list[tuple[Counters, Path]]:
    found = report.all_source()
    if not found:
        raise UsageError("no counts of clang's source coverage, which profiles are made from")
    return found


def _gcda(report: Units, output: Path) -> None:
    from raceshim.cover import _gcov  # noqa: PLC0415

    if not report.gcov:
        raise UsageError("no counts of gcc's coverage, which .gcda are made from")
    for unit in report.gcov:
        _gcov.extract(unit, output)


def _json(report: Units) -> str:
    """Return llvm-cov's own JSON, or for other engines lines, functions and branches."""
    units = report.only_source()
    if units is not None:
        with _llvm.profile(units) as data:
            return data.cov("export", "-format=text")
    files = _report.files(report, ranges=True)
    value = {
        "type": "raceshim.coverage",
        "version": __version__,
        "files": [_object(file) for file in files],
    }
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _object(file: File) -> dict[str, object]:
    return {
        "path": file.path,
        "lines": [{"line": n, "count": c} for n, c in sorted(file.lines.items())],
        "functions": [
            {"name": f.name, "line": f.line, "end": f.end, "count": f.count} for f in file.functions
        ],
        "branches": [
            {"line": line, "block": block, "branch": branch, "taken": taken}
            for (line, block, branch), taken in sorted(file.branches.items())
        ],
    }


def _text(report: Units) -> str:
    units = report.only_source()
    if units is None:
        return _show.text(_report.files(report, ranges=True))
    with _llvm.profile(units) as data:
        return data.cov("show", "-format=text", "-num-threads=1")


def _html(report: Units, output: Path) -> None:
    units = report.only_source()
    if units is None:
        _show.write_html(_report.files(report, ranges=True), output)
        return
    output.mkdir(parents=True, exist_ok=True)
    with _llvm.profile(units) as data:
        data.cov("show", "-format=html", f"-output-dir={output}", "-num-threads=1")
