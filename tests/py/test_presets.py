# SPDX-License-Identifier: BSD-2-Clause
"""The C tests under every preset, and that each preset builds what its name says."""

from __future__ import annotations

import json
import re

import pytest
from shim_builds import CACHED, ROOT, run, symbols

PRESETS = json.loads((ROOT / "CMakePresets.json").read_text())
WORKFLOWS = [preset["name"] for preset in PRESETS["workflowPresets"]]
DETECTORS = {"tsan": "__tsan_init", "visible": "__tsan_init", "asan-ubsan": "__asan_init"} | {
    "msan": "__msan_init"
}


def test_every_preset_has_a_workflow() -> None:
    visible = [p["name"] for p in PRESETS["configurePresets"] if not p.get("hidden")]
    assert sorted(WORKFLOWS) == sorted(visible)
    assert set(WORKFLOWS) >= {"dev", "release", "gcc", "clang-14", *DETECTORS}


@pytest.mark.parametrize(
    "preset",
    # Between Debug, and Release by the two other compilers, there is little room for surprises.
    [pytest.param(p, marks=[pytest.mark.long] if p == "release" else []) for p in WORKFLOWS],
)
def test_workflow(preset: str) -> None:
    said = run("cmake", "--workflow", "--preset", preset, cwd=ROOT, env=CACHED)
    passed = re.search(r"100% tests passed, 0 tests failed out of (\d+)", said)
    assert passed
    build = ROOT / "build" / preset
    tests = re.findall(r"Test +#\d+: (\w+)", run("ctest", "--test-dir", build, "-N"))
    assert int(passed[1]) == len(tests)
    assert set(tests) >= {p.stem for p in ROOT.glob("tests/c/test_*.c")} | {"test_sigsafe_generic"}

    # The tests are instrumented by the detector of the preset's name, and by no other.
    needed = {s.name for s in symbols(*build.glob("tests/c/CMakeFiles/test_copy_out.dir/*.o"))}
    expected = {DETECTORS[preset]} if preset in DETECTORS else set()
    assert needed & set(DETECTORS.values()) == expected

    # The shim is instrumented by none, but in the visible build; what runs in handlers, or before
    # a detector is ready, never.
    objects = sorted(build.glob("shim/CMakeFiles/*/src/**/*.o"))
    assert len(objects) >= 5
    for built in objects:
        seen = bool({s.name for s in symbols(built)} & set(DETECTORS.values()))
        early = built.name.endswith("_sig.c.o") or "/heapprof/layer/" in str(built)
        assert seen == (preset == "visible" and not early), built.name
