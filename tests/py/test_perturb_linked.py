# SPDX-License-Identifier: BSD-2-Clause
"""Programs linked for unlikely schedules: what is led where, and that nothing else changes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from harness_programs import BODIES, COMPILERS, HEAD
from raceshim.cc import _prefix

if TYPE_CHECKING:
    from harness_programs import Raceshim

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests" / "c" / "perturb"
WRAPS = ROOT / "shim" / "share" / "schedules.wrap"
ALL = pytest.mark.parametrize("compiler", COMPILERS)
FREE, LOCKED = (
    "#define LOCK\n#define UNLOCK\n",
    "#define LOCK pthread_mutex_lock(&lock)\n#define UNLOCK pthread_mutex_unlock(&lock)\n",
)
Linked = Callable[..., Path]


@pytest.fixture
def linked(raceshim: Raceshim, tmp_path: Path) -> Linked:
    """Return a function that builds a source with `raceshim cc --schedules=yes`."""

    def build(source: Path, compiler: str, *words: str) -> Path:
        target = tmp_path / f"{source.stem}-{compiler}"
        options = ("--compiler", compiler, "--schedules=yes", "-O1", "-pthread", *words)
        raceshim("cc", *options, source, "-o", target, status=0)
        return target

    return build


def body(folder: Path, *, race: bool) -> Path:
    """Write a program with two threads."""
    source = folder / f"two_{'racy' if race else 'clean'}.c"
    main = f"int main(int argc, char **argv)\n{{ (void)argv; {BODIES['plain']} }}\n"
    source.write_text(f"{FREE if race else LOCKED}{HEAD}{main}")
    return source


def runs_of(raceshim: Raceshim, folder: Path, *words: str | Path, status: int) -> dict[str, Any]:
    result = folder / "gate.json"
    raceshim("gate", "--json", result, *words, status=status)
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def test_each_hook_is_led_to_and_there() -> None:
    names = subprocess.run(
        ["nm", "--defined-only", _prefix.schedules()], check=True, capture_output=True, text=True
    ).stdout
    hooks = re.findall(r" T __wrap_(\w+)", names)
    assert sorted(hooks) == sorted(re.findall(r"--wrap=(\w+)", WRAPS.read_text()))
    assert {"pthread_create", "__tsan_read4", "__tsan_atomic64_compare_exchange_val"} <= set(hooks)


@ALL
def test_annotations_are_events(tmp_path: Path, compiler: str) -> None:
    """What a program says of its own locks and orders: in front of the detector, each time."""
    shim = ROOT / "shim" / "src"
    objects = []
    for source in (shim / "perturb" / "linked.c", SOURCES / "count.c"):
        objects.append(tmp_path / f"{source.stem}.o")
        words = ("-O2", f"-I{shim}", "-c", source, "-o", objects[-1])
        subprocess.run([compiler, *words], check=True)
    program = tmp_path / "points"
    include = f"-I{_prefix.prefix()}/include"
    words = ("-fsanitize=thread", "-O1", include, SOURCES / "points.c", *objects)
    subprocess.run([compiler, *words, f"-Wl,@{WRAPS}", "-pthread", "-o", program], check=True)

    def given(times: int) -> int:
        done = subprocess.run([program, str(times)], check=True, capture_output=True, text=True)
        return int(done.stderr.split("events ")[1].split()[1])

    assert given(7) - given(0) == 7


def test_only_executables_under_the_detector_are_linked_so(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    source = body(tmp_path, race=False)

    def has_hooks(*words: str) -> bool:
        target = tmp_path / "target"
        raceshim("cc", "--schedules=yes", *words, "-pthread", source, "-o", target, status=0)
        symbols = subprocess.run(["nm", target], check=True, capture_output=True, text=True)
        return "__wrap_pthread_create" in symbols.stdout

    assert has_hooks()
    assert not has_hooks("-shared", "-fPIC")
    assert not has_hooks("--detector=none")
    told = raceshim("cc", "--schedules=yes", "--locks=yes", source, status=2).stderr
    assert "build once for profiles of locks" in told


@ALL
def test_threads_that_wait_for_each_other_all_go_on(
    linked: Linked, tmp_path: Path, compiler: str
) -> None:
    program = linked(SOURCES / "waiting.c", compiler)
    for wish in ("noise:1", "pct:4", "pct:5", "pct:6", "pct:7", "nonsense:1"):
        done = subprocess.run(
            [program],
            env={"RACESHIM_PERTURB": wish, "TSAN_OPTIONS": "atexit_sleep_ms=0"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "met\n", ""), wish


@ALL
def test_linked_policies_add_no_order_and_no_frame(
    raceshim: Raceshim, linked: Linked, tmp_path: Path, compiler: str
) -> None:
    lines = tmp_path / "lines"
    words = ("--runs", "12", "--policy", "mixed", "--results", lines, "--")
    racy = linked(body(tmp_path, race=True), compiler)
    (finding,) = runs_of(raceshim, tmp_path, *words, racy, status=1)["findings"]
    # The detector sees no order between the two accesses, so any edge of ours would hide the race.
    shown = {name: share["shown"] for name, share in finding["rate"]["by_policy"].items()}
    assert shown == {"none": 3, "noise": 3, "pct": 6}
    for line in lines.read_text().splitlines():
        (report,) = json.loads(line)["reports"]
        frames = [frame for stack in report["stacks"] for frame in stack["frames"]]
        names = {frame["function"] or "" for frame in frames}
        assert {"bump_in_thread", "bump_in_main", "two_threads"} <= names
        assert not any(re.search(r"__wrap_|rshi_|perturb", name) for name in names)
    clean = linked(body(tmp_path, race=False), compiler)
    assert not runs_of(raceshim, tmp_path, *words, clean, status=0)["findings"]


@ALL
def test_an_order_that_hides_a_race_is_turned_round(
    raceshim: Raceshim, linked: Linked, tmp_path: Path, compiler: str
) -> None:
    program = linked(SOURCES / "order.c", compiler)
    words = ("--runs", "64", "--until-found", "--policy", "pct", "--", program)
    (finding,) = runs_of(raceshim, tmp_path, *words, status=1)["findings"]
    assert finding["kind"] == "data race"
