# SPDX-License-Identifier: BSD-2-Clause
"""C files whose names are their verdicts, as pytest items: one for each variant and compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raceshim._build import Builder, Case
from raceshim._errors import UsageError
from raceshim._programs import load_program
from raceshim._series import runs_of
from raceshim._tasks import compilers_of, gate_case
from raceshim.cc._compilers import find_all
from raceshim.formats._text import got_text
from raceshim.plugin import settings
from raceshim.report._parse import render_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim._verdicts import CaseVerdict

_BUILDER = pytest.StashKey[Builder]()


class WrongVerdictError(Exception):
    """A program did not show what its name says."""

    def __init__(self, verdict: CaseVerdict) -> None:
        """Keep the verdict for the failure text."""
        super().__init__(describe(verdict))


class ProgramFile(pytest.File):
    """One C file."""

    def collect(self) -> Iterator[ProgramItem]:
        """Give its variants, on each compiler that is asked for."""
        try:
            chosen = settings(self.config)
            program = load_program(self.path)
            compilers = find_all(chosen.compiler)
        except (UsageError, pytest.UsageError) as error:
            raise self.CollectError(str(error)) from None
        fit = compilers_of(program, compilers, chosen)
        for compiler in fit or compilers[:1]:
            for variant in program.variants(compiler):
                case = Case(program, variant, compiler)
                name = f"{variant}[{compiler.name}]"
                item = ProgramItem.from_parent(self, name=name, case=case)
                if not fit:
                    named = program.get("compilers") or f"a compiler with {program.detector}"
                    item.add_marker(pytest.mark.skip(reason=f"needs {named}"))
                yield item


class ProgramItem(pytest.Item):
    """One variant of a program on one compiler."""

    def __init__(self, *, case: Case, **rest: object) -> None:
        """Keep the case."""
        super().__init__(**rest)  # type: ignore[arg-type]
        self.case = case

    def runtest(self) -> None:
        """Build it, run it, judge it."""
        verdict = gate_case(self.case, self._builder(), runs_of(settings(self.config).runs))
        if verdict.verdict != "right":
            raise WrongVerdictError(verdict)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,
    ) -> str:
        """Show what was expected and both stacks of what was seen; no traceback of ours."""
        if isinstance(excinfo.value, WrongVerdictError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Name the file and the variant."""
        return str(self.path), 0, f"{self.path.name}: {self.name}"

    def _builder(self) -> Builder:
        """Return the builder of this session, which compiles shared objects once."""
        stash = self.config.stash
        if _BUILDER not in stash:
            factory: pytest.TempPathFactory = self.config._tmp_path_factory  # type: ignore[attr-defined]  # noqa: SLF001
            stash[_BUILDER] = Builder(factory.mktemp("raceshim"))
        return stash[_BUILDER]


def describe(verdict: CaseVerdict) -> str:
    """Say what was expected, what was seen, and show the reports."""
    expected = " or ".join(map(str, verdict.expected))
    lines = [
        f"{verdict.case.name}: {verdict.verdict}",
        f"  expected: {expected}",
        f"  got:      {got_text(verdict)}  ({verdict.right} of {len(verdict.runs)} runs right)",
    ]
    if verdict.error is not None:
        lines += ["", verdict.error]
    seen: dict[str, None] = {}
    for run in verdict.runs:
        for report in run.reports:
            seen.setdefault(render_report(report))
    return "\n".join([*lines, *(f"\n{text}" for text in list(seen)[:3])])
