#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rebuild the corpus of detector reports from the programs in src/.

    make_golden.py [--out DIR] [--compiler NAME ...] [CASE ...]

Each program's first comment says what it provokes and how to build and run it, one directive a
line: `detector:` (default tsan), `compilers:`, `cflags:`, `options:` (of the runtime or of
Valgrind), `args:`, and `machine: yes` for a second run in the frame format made for machines.
A report is written to <tool>-<compiler>-<case>.txt (.machine.txt; .xml for Valgrind's tools).
Addresses are kept from changing by turning address randomisation off, process and thread ids by
counting them; nothing of this machine's folders remains.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
sys.path.insert(0, str(HERE.parents[1] / "harness"))

from raceshim.report._parse import MACHINE_STACK_FORMAT  # noqa: E402

COMPILERS = ("clang-14", "clang-19", "gcc-12")
VALGRIND = ("helgrind", "drd", "memcheck")
#: tool -> the sanitizer's flags and the variable with its options
SANITIZERS = {
    "tsan": (["-fsanitize=thread"], "TSAN_OPTIONS"),
    "asan": (["-fsanitize=address"], "ASAN_OPTIONS"),
    "msan": (["-fsanitize=memory", "-fsanitize-memory-track-origins"], "MSAN_OPTIONS"),
    "lsan": (["-fsanitize=leak"], "LSAN_OPTIONS"),
    "ubsan": (["-fsanitize=undefined"], "UBSAN_OPTIONS"),
    "hwasan": (
        ["-fsanitize=hwaddress", "-fsanitize-hwaddress-experimental-aliasing"],
        "HWASAN_OPTIONS",
    ),
}
#: what gcc 12 has no runtime for (on x86-64)
CLANG_ONLY = ("msan", "hwasan")
_DIRECTIVE = re.compile(r"^ \* (\w+): (.+)$", re.MULTILINE)
_IDS = re.compile(
    r"(?<=pid=)\d+|(?<=\(pid )\d+|(?<=tid=)\d+|(?<===)\d+(?===)|(?<=pid>)\d+|(?<= T)\d{4,}(?=\))"
)
_TIME = re.compile(r"(?<=<time>)[^<]*")


@dataclass(frozen=True, slots=True)
class Case:
    """A program and its directives."""

    path: Path
    detectors: tuple[str, ...]
    compilers: tuple[str, ...]
    cflags: tuple[str, ...]
    options: str
    args: tuple[str, ...]
    machine: bool

    @property
    def name(self) -> str:
        """The case's name, that of the source file."""
        return self.path.stem


def read_case(path: Path) -> Case:
    """Read the directives in a program's first comment."""
    comment = path.read_text().split("*/", 2)[1]
    found = dict(_DIRECTIVE.findall(comment))
    case = Case(
        path,
        tuple(found.pop("detector", "tsan").split()),
        tuple(found.pop("compilers", " ".join(COMPILERS)).split()),
        tuple(found.pop("cflags", "").split()),
        found.pop("options", ""),
        tuple(found.pop("args", "").split()),
        found.pop("machine", "no") == "yes",
    )
    if found:
        raise SystemExit(f"{path}: unknown directive {', '.join(found)}")
    return case


def build(case: Case, tool: str, compiler: str, folder: Path) -> Path:
    """Compile and link a case for one tool."""
    driver = compiler
    if case.path.suffix == ".cpp":
        driver = compiler.replace("clang", "clang++").replace("gcc", "g++")
    flags = ["-O0", "-g", "-fno-omit-frame-pointer", "-pthread", "-w"]
    flags += SANITIZERS[tool][0] if tool in SANITIZERS else []
    program = folder / case.name
    subprocess.run(
        [
            driver,
            *flags,
            f"-ffile-prefix-map={SOURCES}=.",
            case.path.name,
            *case.cflags,
            "-o",
            program,
        ],
        cwd=SOURCES,
        check=True,
    )
    return program


def run(case: Case, tool: str, program: Path, *, machine: bool) -> str:
    """Run a built case and give what the tool printed."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    command = ["setarch", "-R"]
    xml = program.with_suffix(".xml")
    if tool in VALGRIND:
        command += ["valgrind", f"--tool={tool}", "--xml=yes", f"--xml-file={xml}"]
        command += case.options.split()
    else:
        options = ["atexit_sleep_ms=0"] if tool == "tsan" else []
        options += [case.options] if case.options else []
        options += [f'stack_trace_format="{MACHINE_STACK_FORMAT}"'] if machine else []
        env[SANITIZERS[tool][1]] = ":".join(options)
    done = subprocess.run(
        [*command, f"./{program.name}", *case.args],
        cwd=program.parent,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    text = xml.read_text() if tool in VALGRIND else done.stderr.decode(errors="backslashreplace")
    return normalise(text, program.parent)


def normalise(text: str, folder: Path) -> str:
    """Replace the folder, and every process and thread id by the order of its appearance."""
    ids: dict[str, str] = {}
    text = _TIME.sub("00:00:00:00.000 ", text.replace(str(folder), "/build"))
    return _IDS.sub(lambda match: ids.setdefault(match[0], str(1001 + len(ids))), text)


def make(case: Case, compilers: list[str], out: Path) -> list[Path]:
    """Write all goldens of a case."""
    written = []
    for tool in case.detectors:
        for compiler in case.compilers:
            if compiler not in compilers or (compiler.startswith("gcc") and tool in CLANG_ONLY):
                continue
            with tempfile.TemporaryDirectory(prefix="golden-") as folder:
                program = build(case, tool, compiler, Path(folder))
                suffix = ".xml" if tool in VALGRIND else ".txt"
                target = out / f"{tool}-{compiler}-{case.name}{suffix}"
                target.write_text(run(case, tool, program, machine=False))
                written.append(target)
                if case.machine:
                    target = target.with_suffix(".machine.txt")
                    target.write_text(run(case, tool, program, machine=True))
                    written.append(target)
    return written


def main() -> int:
    """Rebuild the whole corpus, or the cases that are named."""
    parser = argparse.ArgumentParser(description="rebuild the corpus of detector reports")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--compiler", action="append", choices=COMPILERS)
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    compilers = [name for name in options.compiler or COMPILERS if shutil.which(name)]
    paths = sorted([*SOURCES.glob("*.c"), *SOURCES.glob("*.cpp")])
    for path in paths:
        if options.case and path.stem not in options.case:
            continue
        for target in make(read_case(path), compilers, options.out):
            size = target.stat().st_size
            print(f"{size:7} {target.name}" + ("" if size else "   EMPTY"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
