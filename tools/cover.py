# SPDX-License-Identifier: BSD-2-Clause
"""The coverage of shim/ and annotations/, measured with raceshim: `make cover`.

The shim is compiled with coverage, and linked into the C tests and into what the tests of its
features and the programs of testdata/ build. All processes leave files of counters, of which one
report is made. docs/own-coverage.md has the mechanism, and what is not covered and why.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import RaceshimError, ToolError
from raceshim.cover import _inputs, _lcov, _llvm, _merge, _model, _report, _show, _tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.cover._inputs import Inputs
    from raceshim.cover._merge import Sums
    from raceshim.cover._model import File

ROOT = Path(__file__).parents[1]
#: So many percent of the lines are to be covered.
BAR = 90.0
#: Sources of the shim that are compiled into no build that is counted, and why.
NOT_COUNTED = {
    "shim/src/canary/canary.c": "is preloaded, and may need no library: no collector either",
    "shim/src/perturb/perturb.c": "is preloaded, and held by a program of its own",
    "shim/src/perturb/turns.c": "belongs to perturb.c",
    "shim/src/perturb/linked.c": "is linked in front of the detector: only hooks",
    "shim/src/perturb/preloaded.c": "is preloaded: only hooks",
    "shim/src/heapprof/layer/allocate.c": "runs before anything else of a program, and jumps away",
    "shim/src/heapprof/layer/next.c": "belongs to allocate.c",
    "shim/src/heapprof/layer/operators.c": "belongs to allocate.c",
    "shim/src/heapprof/layer/reallocarray.c": "belongs to allocate.c",
    "shim/src/heapprof/layer/state.c": "belongs to allocate.c",
    "shim/src/heapprof/layer/linked.c": "belongs to allocate.c, where the linker leads to it",
    "shim/src/heapprof/layer/operators_linked.c": "belongs to linked.c",
    "shim/src/core/unwind_best_fp_sig.c": "is for processors other than x86-64",
    "shim/src/core/make_visible.c": "is part of the visible build alone",
}
#: Tests of the harness, and of what is not counted, rather than of the shim.
HARNESS = re.compile(
    r"test_(canary.*|perturb|perturb_linked|series|runs|gate_runs|"
    r"cover_(blocks|cc|cmake|cobertura|flags|flow|gate|merge|report|source|sqlite|units))\.py"
)
#: The shim is the same object in all programs, however they are compiled: once is enough.
ONCE = "not (O2 or O3 or (clang and 14))"
#: Programs whose own coverage is that of the annotations: some with verdicts, and what
#: tests/py/test_annotations.py judges, under the tools that the others need least of.
ANNOTATED = "testdata/annotations"
CASES = "tests/c/annotations/race.c"
TOOLS = ("helgrind", "drd")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things are built and left."""

    build: Path

    @property
    def prefix(self) -> Path:
        """What is installed of the shim under test."""
        return self.build / "prefix"

    @property
    def counted(self) -> Path:
        """What processes have counted of the shim; the collector knows it from its build."""
        return self.build / "counted"

    @property
    def annotated(self) -> Path:
        """What annotated programs have counted of themselves."""
        return self.build / "annotated"

    @property
    def report(self) -> Path:
        """The report as HTML, and for lcov."""
        return self.build / "report"


def main() -> int:
    """Build, run, report; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build/cover", metavar="DIR")
    parser.add_argument("--jobs", default="2", metavar="N")
    parser.add_argument("--bar", type=float, default=BAR, metavar="PERCENT")
    parser.add_argument("--c-tests", default=".", metavar="REGEX", help="run only these C tests")
    parser.add_argument("--only-c", action="store_true", help="run C tests and nothing else")
    parsed = parser.parse_args()
    folders = Folders(parsed.build.resolve())
    try:
        build(folders, parsed.jobs)
        good = [run_c_tests(folders, parsed.jobs, parsed.c_tests)]
        if not parsed.only_c:
            good += [run_features(folders, parsed.jobs), run_annotated(folders, parsed.jobs)]
        files = report(folders)
    except RaceshimError as error:
        sys.stderr.write(f"cover: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return judge(files, parsed.bar, all(good))


def build(folders: Folders, jobs: str) -> None:
    """Build the shim under test and the C tests, install it, and forget earlier runs."""
    step("build")
    run(
        "cmake", "-S", ROOT, "-B", folders.build, "-G", "Ninja", "-DRSH_COVER=ON",
        "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_INSTALL_LIBDIR=lib",
        f"-DRSH_COUNTED_DIR={folders.counted}", "--log-level=WARNING",
    )  # fmt: skip
    run("cmake", "--build", folders.build, "-j", jobs)
    for folder in (folders.prefix, folders.counted, folders.annotated, folders.report):
        shutil.rmtree(folder, ignore_errors=True)
    run("cmake", "--install", folders.build, "--prefix", folders.prefix, quiet=True)
    folders.annotated.mkdir()
    folders.counted.mkdir()
    folders.counted.chmod(0o1777)  # some tests give up their rights


def run_c_tests(folders: Folders, jobs: str, pattern: str) -> bool:
    """Run the C tests."""
    step("C tests")
    return run(
        "ctest", "--test-dir", folders.build, "-j", jobs, "-R", pattern, "--output-on-failure",
        "--no-tests=error", check=False,
    )  # fmt: skip


def run_features(folders: Folders, jobs: str) -> bool:
    """Run the tests of the shim's features: tests/py/test_<folder of shim/src>*.py."""
    step("tests of the features")
    features = sorted(folder.name for folder in (ROOT / "shim/src").iterdir() if folder.is_dir())
    found = [m for f in features for m in sorted((ROOT / "tests/py").glob(f"test_{f}*.py"))]
    modules = [module for module in found if not HARNESS.fullmatch(module.name)]
    return run(
        sys.executable, "-m", "pytest", "-q", "-n", jobs, "-m", "not long", "-k", ONCE, *modules,
        check=False, environ=environment(folders),
    )  # fmt: skip


def run_annotated(folders: Folders, jobs: str) -> bool:
    """Judge the programs of the annotations, built with coverage."""
    step("programs of the annotations")
    environ = environment(folders) | {"RACESHIM_COVERDIR": str(folders.annotated)}
    program = folders.build / "cases"
    # By -I, where the wrapper has -isystem: clang does not count headers of the system.
    run(
        sys.executable, "-m", "raceshim", "cc", "--compiler", "clang-19", "--cover=atomic",
        "--detector=none", "-DRSH_VALGRIND", "-gdwarf-4", "-std=gnu11", "-O1", "-pthread",
        f"-I{ROOT}/annotations/include", ROOT / CASES, "-o", program, environ=environ,
    )  # fmt: skip
    for tool in TOOLS:
        run(
            "valgrind", f"--tool={tool}", program, "annotated", quiet=True, check=False,
            environ=environ,
        )  # fmt: skip
    return run(
        sys.executable, "-m", "raceshim", "gate", ROOT / ANNOTATED, "--cover", "atomic",
        "--compiler", "clang-19", "--build-dir", folders.build / "programs", "--jobs", jobs,
        check=False, environ=environ,
    )  # fmt: skip


def environment(folders: Folders) -> dict[str, str]:
    """Return an environment in which the shim under test is the installed one."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RACESHIM_")}
    own = {"RACESHIM_SDK": folders.prefix, "XDG_CACHE_HOME": folders.build / "cache"}
    return kept | {k: str(v) for k, v in own.items()}


def report(folders: Folders) -> list[File]:
    """Merge the files of all processes and write the report."""
    step("report")
    files = _model.merge([*shim(folders), *headers(folders)])
    folders.report.mkdir()
    (folders.report / "lcov.info").write_text(_lcov.write(files))
    _show.write_html(files, folders.report)
    for file in files:
        file.path = str(Path(file.path).relative_to(ROOT))
    return files


def merge(place: Path) -> tuple[Inputs, Sums]:
    """Add up what the processes have left."""
    inputs = _inputs.find([str(place)])
    with _merge.progress(len(inputs.counters), forced=False) as advance:
        sums = _merge.merge(inputs, jobs=2, skip_damaged=False, advance=advance)
    print(f"{sums.files} files of counters of {len(sums.programs)} programs in {place}")
    return inputs, sums


def shim(folders: Folders) -> list[File]:
    """Return what is covered of the shim, whose objects have the map beside them."""
    inputs, sums = merge(folders.counted)
    units = _report.units(inputs, sums, binaries=False).all_source()
    if not units:
        raise ToolError(f"no process has counted anything of the shim in {folders.counted}")
    profile = folders.build / "counted.profdata"
    _llvm.merged_profile(units, profile)
    objects = sorted(folders.build.rglob("*.counted"))
    data = _llvm.Profile(_llvm.llvm_version(units[0][0].meta), profile, tuple(objects))
    return [f for f in _lcov.read(data.cov("export", "-format=lcov")) if is_ours(f.path)]


def headers(folders: Folders) -> list[File]:
    """Return what is covered of the annotations' headers, by the place where they come from."""
    if not any(folders.annotated.iterdir()):
        return []
    found = []
    for file in _report.files(_report.units(*merge(folders.annotated))):
        path = Path(file.path)
        source = ROOT / "annotations/include/raceshim" / path.name
        if source.is_file() and (path == source or path.is_relative_to(folders.prefix)):
            file.path = str(source)
            found.append(file)
    return found


def is_ours(path: str) -> bool:
    """Whether a file is one of those that are to be covered."""
    return any(Path(path).is_relative_to(ROOT / top) for top in ("shim", "annotations"))


def judge(files: Sequence[File], bar: float, good: bool) -> int:
    """Print the tables; return the exit status."""
    for file in files:
        missing = [line for line, count in sorted(file.lines.items()) if not count]
        if missing:
            print(f"{file.path}: {_model.summary(file).lines}, without {ranges(missing)}")
    total = _model.total(files)
    print()
    print(_tables.percent(_model.rows(files, "directory"), total, "directory"), end="")
    for path, why in NOT_COUNTED.items():
        print(f"not counted: {path}, which {why}")
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / "shim/src").rglob("*.c")}
    forgotten = sorted(sources - {file.path for file in files if file.lines} - NOT_COUNTED.keys())
    for path in forgotten:
        print(f"not counted: {path}, and nothing says why")
    if not good:
        print("cover: tests have failed")
    percent = total.lines.percent or 0
    if percent < bar:
        print(f"cover: {percent:.2f} % of the lines, below the bar of {bar:g} %")
    return int(not good or percent < bar or bool(forgotten))


def ranges(numbers: Sequence[int]) -> str:
    """Return numbers as text, with runs put together."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def step(name: str) -> None:
    """Say what is done now."""
    print(f"== {name} ({time.strftime('%H:%M:%S')})", flush=True)


def run(
    *command: str | Path,
    check: bool = True,
    quiet: bool = False,
    environ: dict[str, str] | None = None,
) -> bool:
    """Run a command, which shows its own progress; return whether it succeeded."""
    done = subprocess.run(
        command,
        check=False,
        env=environ,
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.DEVNULL if quiet and not check else None,
    )
    if check and done.returncode:
        raise ToolError(f"{command[0]} failed: exit status {done.returncode}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
