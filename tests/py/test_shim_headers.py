# SPDX-License-Identifier: BSD-2-Clause
"""The public headers: each stands alone in C and C++, and states the whole contract."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from shim_builds import COMPILERS, ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = sorted(ROOT.glob("shim/include/raceshim/*.h"))
FIELDS = ("Return", "Threads", "Signals", "Fork", "Blocks", "Loss", "Detectors")
DECLARATION = re.compile(r"^(?:RSH_API [^;(]*?\*?(\w+)\(|struct (\w+) \{)", re.MULTILINE)
COMMENT = re.compile(r"/\*\*\n(.*?)\*/\n(.*?)$", re.DOTALL | re.MULTILINE)


def incomplete(header: str) -> dict[str, set[str]]:
    """Return the declarations of a header's text with the fields that their comments lack."""
    documented = {}
    for text, declaration in COMMENT.findall(header):
        if match := DECLARATION.match(declaration):
            name = match[1] or match[2]
            documented[name] = {f for f in FIELDS if not re.search(rf"\b{f}: ", text)}
            if not re.match(rf" \* (struct )?{name} - \S", text):
                documented[name].add("name")
    declared = {a or b for a, b in DECLARATION.findall(header)}
    missing = {name: {"comment"} for name in declared - set(documented)}
    return missing | {name: fields for name, fields in documented.items() if fields}


@pytest.mark.parametrize("header", HEADERS, ids=lambda p: p.name)
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("language", ["c", "c++"])
def test_header_stands_alone(header: Path, compiler: str, language: str, tmp_path: Path) -> None:
    source = tmp_path / "alone"
    source.write_text(f"#include <raceshim/{header.name}>\n#include <raceshim/{header.name}>\n")
    if language == "c++":
        compiler = compiler.replace("clang", "clang++").replace("gcc", "g++")
        if not shutil.which(compiler):
            pytest.fail(f"{compiler} is not installed")
    run(
        compiler, f"-std={language}{11 if language == 'c' else 17}", "-pedantic-errors", "-Wall",
        "-Wextra", "-Werror", f"-I{ROOT / 'shim/include'}", f"-I{ROOT / 'annotations/include'}",
        "-fsyntax-only", "-x", language, source,
    )  # fmt: skip


@pytest.mark.parametrize("header", HEADERS, ids=lambda p: p.name)
def test_every_declaration_has_its_contract(header: Path) -> None:
    text = header.read_text()
    assert DECLARATION.search(text)
    assert incomplete(text) == {}
    assert "Which calls" in text.split("#include")[0]


def test_a_missing_field_is_seen() -> None:
    good = (ROOT / "shim/include/raceshim/raceshim.h").read_text()
    assert incomplete(good.replace(" * Loss: none.\n * Detectors: TSan", " * Detectors: TSan")) == {
        "rsh_copy_out": {"Loss"}
    }
    assert incomplete(good.replace("/**\n * rsh_version", "/*\n * rsh_version")) == {
        "rsh_version": {"comment"}
    }
