# SPDX-License-Identifier: BSD-2-Clause
"""Who may include and import whom, as drawn in docs/architecture.md."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
C_STANDARD = re.compile(
    r"(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|"
    r"stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|tgmath|"
    r"threads|time|uchar|wchar|wctype)\.h"
)
# The compiler's own intrinsics and the kernel's constants: neither brings code of libc along.
FREESTANDING = re.compile(
    r"(std(int|def|bool|arg|atomic)|limits|[a-z]*intrin)\.h|(asm|linux)/.*\.h"
)
TOOL = re.compile(r"(sanitizer|valgrind)/.*\.h")
ANNOTATIONS = {f"raceshim/{p.name}" for p in ROOT.glob("annotations/include/raceshim/*.h")}
SHIM_PUBLIC = {f"raceshim/{p.name}" for p in ROOT.glob("shim/include/raceshim/*.h")}
FEATURES = {"cover", "cpuprof", "heapprof", "lockprof", "trace"}
#: `google` is protobuf, `elftools` is pyelftools.
PYTHON_DEPENDENCIES = {"capstone", "elftools", "google", "raceshim", "rich", "sqlalchemy"}
CLUSTER_DEPENDENCIES = {"cloudpickle", "dask", "dask_jobqueue", "distributed"}
PYTEST_SIDE = {"plugin.py", "_items.py"}
#: Talks to the kernel, for which the library has no module.
KERNEL_SIDE = {"_inotify.py"}


def includes(text: str) -> list[tuple[str, bool]]:
    """Every included header with whether it was named in quotes."""
    return [(name, quote == '"') for quote, name in INCLUDE.findall(text)]


def violations(path: str, text: str) -> list[str]:
    """Return what the file at `path`, with this content, includes against the layering."""
    parts = Path(path).parts
    found = []
    for header, quoted in includes(text):
        if path.startswith("annotations/"):
            good = header in ANNOTATIONS or C_STANDARD.fullmatch(header) or TOOL.fullmatch(header)
        elif path.startswith("shim/include/"):
            good = header in ANNOTATIONS | SHIM_PUBLIC or C_STANDARD.fullmatch(header)
        elif path.startswith("shim/src/") and path.endswith("_sig.c"):
            good = quoted or header in SHIM_PUBLIC or FREESTANDING.fullmatch(header)
        elif path.startswith("shim/src/"):
            others = FEATURES - {parts[2]}
            good = not (quoted and others & set(Path(header).parts))
        else:  # testdata, examples: what a user has
            beside = (ROOT / path).parent.joinpath(header).resolve()
            good = (
                (quoted and beside.is_relative_to(ROOT / parts[0]) and beside.exists())
                or header in ANNOTATIONS | SHIM_PUBLIC
                or not (quoted or header.startswith("raceshim/"))
            )
        if not good:
            found.append(f"{path}: {header}")
    return found


def c_files(*folders: str) -> list[str]:
    return sorted(
        str(p.relative_to(ROOT))
        for folder in folders
        for pattern in ("*.c", "*.h")
        for p in ROOT.joinpath(folder).rglob(pattern)
    )


@pytest.mark.parametrize("folder", ["annotations", "shim", "testdata", "examples"])
def test_c_files_include_only_what_their_layer_may(folder: str) -> None:
    files = c_files(folder)
    assert files
    assert [v for f in files for v in violations(f, ROOT.joinpath(f).read_text())] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("annotations/include/raceshim/x.h", "#include <pthread.h>"),
        ("annotations/include/raceshim/x.h", "#include <raceshim/raceshim.h>"),
        ("shim/include/raceshim/x.h", '#include "core/detector.h"'),
        ("shim/src/core/x_sig.c", "#include <string.h>"),
        ("shim/src/core/x.c", '#include "trace/buffer.h"'),
        ("shim/src/cover/x.c", '#include "../trace/buffer.h"'),
        ("testdata/races/race_x.c", '#include "../../shim/src/core/detector.h"'),
    ],
)
def test_a_breach_of_the_layering_is_seen(path: str, text: str) -> None:
    assert len(violations(path, text)) == 1


def python_imports(source: str) -> set[str]:
    """Return the top-level packages that a module imports from outside the standard library."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return {name for name in found if name not in sys.stdlib_module_names} | (found & {"ctypes"})


def test_harness_talks_by_processes_and_files_only() -> None:
    modules = sorted(ROOT.glob("harness/raceshim/**/*.py"))
    assert modules
    for module in modules:
        allowed = PYTHON_DEPENDENCIES
        if module.name in KERNEL_SIDE:
            allowed = allowed | {"ctypes"}
        if module.parent.name == "cluster":
            allowed = allowed | CLUSTER_DEPENDENCIES
        if module.name in PYTEST_SIDE:
            allowed = allowed | {"pytest", "pluggy", "_pytest"}
        assert python_imports(module.read_text()) <= allowed, module.name


def test_an_import_of_ctypes_is_seen() -> None:
    assert python_imports("import os, ctypes\nfrom rich.table import Table") == {"ctypes", "rich"}


#: What the folders of the harness may import of each other, besides its errors and options.
HARNESS = {
    "audit": set(),
    "bisect": {"evidence", "finding", "formats", "history", "runs"},
    "cc": set(),
    "report": set(),
    "finding": {"report"},
    "suppress": {"finding", "report"},
    "evidence": {"report", "finding", "cc"},
    "runs": set(),
    "formats": {"evidence", "suppress", "finding", "report", "runs"},
    "history": {"formats", "runs"},
    "page": {"formats"},
    "cover": {"cc", "page"},
    "prof": {"cc", "cover", "evidence", "formats", "page"},
    "trace": {"cc", "formats", "page"},
    "view": {"cover", "finding", "formats", "page", "report", "runs", "trace"},
    "cluster": {"cover", "evidence", "formats", "runs", "suppress"},
}


def folders_imported(source: str) -> set[str]:
    """Return the folders of the harness that a module imports from."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("raceshim."):
            found.add(node.module.split(".")[1])
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("folder", HARNESS)
def test_folders_of_the_harness_import_downwards(folder: str) -> None:
    modules = sorted(ROOT.glob(f"harness/raceshim/{folder}/*.py"))
    assert modules
    for module in modules:
        assert folders_imported(module.read_text()) <= HARNESS[folder] | {folder}, module


def test_every_folder_of_the_harness_has_its_place() -> None:
    folders = {p.parent.name for p in ROOT.glob("harness/raceshim/*/__init__.py")}
    assert folders == set(HARNESS)


def test_an_import_upwards_is_seen() -> None:
    source = "def f():\n    from raceshim.formats._json import encode\n"
    assert not folders_imported(source) <= HARNESS["report"] | {"report"}


def test_files_stay_readable() -> None:
    too_long = {
        str(p.relative_to(ROOT)): n
        for folder in ("annotations", "shim", "testdata", "harness", "tests", "tools", "bench")
        for p in ROOT.joinpath(folder).rglob("*")
        if p.suffix in {".c", ".h", ".py"} and (n := p.read_text().count("\n")) > 600
    }
    assert too_long == {}


def test_nothing_is_called_utils() -> None:
    named = [p for p in ROOT.rglob("*util*") if not {".venv", "build", ".git"} & set(p.parts)]
    assert named == []
