# SPDX-License-Identifier: BSD-2-Clause
"""Programs with clang's own coverage runtime, whose raw profiles become our files."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cover_samples import from_profraw, write_run
from raceshim.cover._units import Mode

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.cover._bodies import Records
    from raceshim.cover._units import Meta

PROGRAM = """\
#include <stdio.h>
#include <stdlib.h>

static int
classify(int value)
{
	if (value < 0)
		return -1;
	if (value > 100 && value % 2 == 0) {
		puts("large and even");
		return 2;
	}
	for (int i = 0; i < value; i++)
		if (i == 7)
			puts("seven");
	return value ? 1 : 0;
}

int
never(int value)
{
	return value * 2;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%d\\n", classify(atoi(argv[i])));
	return 0;
}
"""


def version(compiler: str) -> str:
    """Return what the compiler calls itself in __VERSION__."""
    macros = subprocess.run(
        [compiler, "-dM", "-E", "-x", "c", "/dev/null"], check=True, capture_output=True, text=True
    ).stdout
    return next(line for line in macros.splitlines() if "__VERSION__" in line).split('"')[1]


@dataclass(frozen=True, slots=True)
class Built:
    """A program with stock coverage."""

    binary: Path
    compiler: str

    @property
    def llvm(self) -> str:
        """The version in the names of LLVM's tools."""
        return self.compiler.rpartition("-")[2]

    def run(self, *arguments: str, mode: Mode = Mode.COUNT) -> tuple[Path, Meta, Records]:
        """Run it; return its raw profile, and what that says in our terms."""
        raw = self.binary.with_name(f"{self.binary.name}-{'_'.join(arguments)}.profraw")
        environ = {**os.environ, "LLVM_PROFILE_FILE": str(raw)}
        subprocess.run([self.binary, *arguments], check=True, env=environ, capture_output=True)
        meta, records = from_profraw(raw.read_bytes(), self.binary, mode, version(self.compiler))
        return raw, meta, records

    def tool(self, name: str, *arguments: str | Path) -> str:
        """Run an LLVM tool of this version."""
        return subprocess.run(
            [f"{name}-{self.llvm}", *arguments], check=True, capture_output=True, text=True
        ).stdout

    def report(self, profile: Path, *objects: Path) -> str:
        """Return `llvm-cov report` of a raw or indexed profile, function by function."""
        merged = profile.with_suffix(".merged")
        self.tool("llvm-profdata", "merge", "-o", merged, profile)
        others = [word for path in objects for word in ("-object", str(path))]
        files = self.tool("llvm-cov", "report", self.binary, *others, f"-instr-profile={merged}")
        counts = self.tool("llvm-profdata", "show", "--all-functions", "--counts", merged)
        return files + counts


def build(
    folder: Path, compiler: str, *flags: str, source: str = PROGRAM, name: str = "prog"
) -> Built:
    """Build a program with clang's own coverage."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.c").write_text(source)
    subprocess.run(
        [compiler, "-g", "-fprofile-instr-generate", "-fcoverage-mapping", "-Wl,--build-id",
         *flags, folder / f"{name}.c", "-o", folder / name],
        check=True,
    )  # fmt: skip
    return Built(folder / name, compiler)


def coverage(folder: Path, built: Built, *arguments: str, mode: Mode = Mode.COUNT) -> Path:
    """Run a program and write what we would have written; return the directory."""
    _, meta, records = built.run(*arguments, mode=mode)
    write_run(
        folder,
        [(meta, records)],
        pid=os.getpid(),
        time=len(list(folder.glob("*"))) if folder.exists() else 0,
    )
    return folder
