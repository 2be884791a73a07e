# SPDX-License-Identifier: BSD-2-Clause
"""A matrix of settings: which there are, what only some of them show, and what that comes to."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from format_samples import matrix
from harness_programs import source
from raceshim.formats._matrix import document, matrix_text
from raceshim.runs._matrix import AXES, Cell, MatrixRow, cells_of, parse_axes

if TYPE_CHECKING:
    from harness_programs import Programs, Raceshim

ROOT = Path(__file__).parents[2]
#: Where the loads of a dead value are optimised away there is nothing that could race.
DEAD_LOAD = """\
#include <pthread.h>
#include <unistd.h>
#include <sys/syscall.h>
#ifdef __clang__
#define UNSEEN __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((noinline, no_sanitize_thread))
#endif
int shared;
static volatile int turn;
UNSEEN static void pass_turn(void) { turn = 1; }
UNSEEN static void await_turn(void) { while (!turn) syscall(SYS_sched_yield); }
__attribute__((noinline)) static void look(void) { int seen = shared; (void)seen; }
static void *writer(void *arg) { shared = 1; pass_turn(); return arg; }
int main(void)
{
	pthread_t thread;
	pthread_create(&thread, 0, writer, 0);
	await_turn();
	look();
	pthread_join(thread, 0);
	return 0;
}
"""


def test_axes_are_read_and_multiplied() -> None:
    axes = parse_axes("compiler=clang-19+gcc-12,opt=-O0+O2,mode=none+pin")
    assert axes == {
        "compiler": ("clang-19", "gcc-12"),
        "opt": ("O0", "O2"),
        "mode": ("none", "pin"),
    }
    cells = cells_of(axes | {"detector": ("thread",)})
    assert len(cells) == len(set(cells)) == 8
    assert cells[0] == Cell("clang-19", "O0", "thread", "none")
    assert [cell.mode for cell in cells[:2]] == ["none", "pin"]  # of one build, beside each other
    assert parse_axes("all") == {"compiler": ("all",), "opt": ("O0", "O1", "O2")}
    assert parse_axes("mode=all+none")["mode"] == ("none", "pin", "noise", "pct")


@pytest.mark.parametrize(
    "text", ["", "opt", "opt=", "opt=3", "colour=red", "mode=mixed", "opt=O0,opt=O1", "opt=O0,"]
)
def test_what_is_no_matrix_is_a_usage_error(raceshim: Raceshim, text: str) -> None:
    with pytest.raises(ValueError, match=r"is none of|twice"):
        parse_axes(text)
    if text == "colour=red":
        shown = raceshim("gate", "--matrix", text, "--", "true", status=2).stderr
        assert "compiler=..., opt=..., detector=..., mode=..." in shown


@pytest.mark.parametrize(
    ("shown", "only_some"),
    [
        ((1, 0), True),
        ((1, 2), False),
        ((0, 0), False),
        ((3, None), False),
        ((None, None), False),
        ((0, None, 1), True),
    ],
)
def test_only_some_is_said_of_cells_that_ran(
    shown: tuple[int | None, ...], *, only_some: bool
) -> None:
    assert MatrixRow("x", "x", shown).only_some is only_some


def test_the_table_has_a_letter_for_each_setting() -> None:
    text = matrix_text(matrix("v1-0", "v1-1"))
    assert re.search(r"^    A  clang-19 O0 thread none  races, 5 runs$", text, re.MULTILINE)
    assert re.search(r"^    C  .*build failed: x.c:1: error: <b>, 0 runs$", text, re.MULTILINE)
    assert re.search(r"^  v1-0  data race in <b>  4/5  0/5 +only some$", text, re.MULTILINE)
    assert text.endswith("2 of 2 are shown by some settings and not by others\n")
    told = document(matrix("v1-0"))
    assert told is not None
    assert set(told["axes"]) == set(AXES)
    assert told["rows"][0]["shown"] == [4, 0, None]


def rows(document: dict[str, Any]) -> dict[str, list[int | None]]:
    return {row["title"]: row["shown"] for row in document["matrix"]["rows"]}


@pytest.mark.parametrize(
    "where",
    [
        pytest.param((), id="here"),
        pytest.param(
            ("--cluster", "local:2", "--ship", "auto"), id="cluster", marks=pytest.mark.long
        ),
    ],
)
def test_a_command_is_built_and_run_in_every_setting(
    raceshim: Raceshim, tmp_path: Path, where: tuple[str, ...]
) -> None:
    (tmp_path / "x.c").write_text(DEAD_LOAD)
    data, page = tmp_path / "m.json", tmp_path / "m.html"
    build = " ".join(raceshim.line("cc", "-O1", "-pthread", "x.c", "-o", "x"))
    done = raceshim(
        "gate", "--matrix", "compiler=clang-19+gcc-12,opt=O0+O2", "--runs", "2", "--build", build,
        "--json", data, "--html", page, *where, "--", "./x", status=1, cwd=tmp_path,
    )  # fmt: skip
    told = json.loads(data.read_text())
    cells = [(c["compiler"], c["opt"], c["verdict"], c["runs"]) for c in told["matrix"]["cells"]]
    assert cells == [
        ("clang-19", "O0", "races", 2),
        ("clang-19", "O2", "clean", 2),
        ("gcc-12", "O0", "races", 2),
        ("gcc-12", "O2", "clean", 2),
    ]
    assert rows(told) == {"data race in look / writer": [2, 0, 2, 0]}
    assert told["matrix"]["rows"][0]["only_some"] is True
    assert told["runs"]["counted"] == 8
    assert re.search(r"look / writer +2/2  0/2  2/2  0/2  only some", done.stdout)
    assert "raceshim repro" not in done.stdout
    assert "only some" in page.read_text(encoding="utf-8")


@pytest.mark.long
def test_the_example_of_the_docs_is_what_comes(raceshim: Raceshim, tmp_path: Path) -> None:
    for name in ("miss_history.c", "step.c", "step.h"):
        shutil.copy(ROOT / "testdata" / "races" / name, tmp_path)
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    (shown,) = re.findall(
        r"^```console\n\$ raceshim (gate --matrix .*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    line, _, rest = shown.partition("\n")
    words = shlex.split(line.replace("raceshim cc", shlex.join(raceshim.line("cc"))))
    done = raceshim(*words, status=1, cwd=tmp_path)
    assert rest.removeprefix("...\n") in done.stdout


def test_modes_share_a_build_and_a_clean_command_is_clean(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    (tmp_path / "x.c").write_text(source("plain", race=False))
    line = " ".join(raceshim.line("cc", "-O1", "-pthread", "x.c", "-o", "x"))
    done = raceshim(
        "gate", "--matrix", "mode=none+pin+noise", "--build", f"echo built >>log; {line}",
        "--", "./x", cwd=tmp_path,
    )  # fmt: skip
    assert (tmp_path / "log").read_text() == "built\n"
    assert "matrix: 3 settings" in done.stdout
    assert "0 of 0 are shown" in done.stdout


def test_a_build_that_fails_is_no_clean_setting(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text(source("plain", race=False))
    line = " ".join(raceshim.line("cc", "-O1", "-pthread", "x.c", "-o", "x"))
    build = f'test "$RACESHIM_OPT" = O0 || {{ echo "no <room>"; exit 1; }}; {line}'
    words = ("gate", "--matrix", "opt=O0+O1", "--build", build, "--json", tmp_path / "m.json")
    done = raceshim(*words, "--", "./x", status=3, cwd=tmp_path)
    assert "build failed: no <room>" in done.stdout
    told = json.loads((tmp_path / "m.json").read_text())
    assert told["verdict"] == "build failed"
    assert [cell["exit_code"] for cell in told["matrix"]["cells"]] == [0, 3]
    # A race in what was built weighs more.
    (tmp_path / "x.c").write_text(source("plain", race=True))
    raceshim(*words, "--", "./x", status=1, cwd=tmp_path)


def test_a_setting_without_the_detector_is_inconclusive(
    raceshim: Raceshim, programs: Programs
) -> None:
    words = ("gate", "--matrix", "detector=thread+address", "--", programs("plain"))
    shown = raceshim(*words, status=4).stdout
    assert "no process ran under the address detector" in shown
    assert re.search(r"A  \S+ - thread none +clean", shown)
    assert re.search(r"B  \S+ - address none +inconclusive", shown)


@pytest.mark.parametrize("words", [["--budget", "5"], ["--policy", "pin"], ["--results", "x"]])
def test_options_that_do_not_go_with_it_are_refused(raceshim: Raceshim, words: list[str]) -> None:
    shown = raceshim("gate", "--matrix", "all", *words, "--", "true", status=2).stderr
    assert f"{words[0]} does not go with --matrix" in shown


def test_a_build_without_a_matrix_is_a_usage_error(raceshim: Raceshim) -> None:
    raceshim("gate", "--build", "make", "--", "true", status=2)


PROGRAM = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load that no optimiser leaves standing.
 *
 * {what}
 */
"""


def test_programs_of_a_folder_are_judged_over_all_settings(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    head = PROGRAM.format(what="report:         data race in look, writer")
    (folder / "race_dead.c").write_text(head + DEAD_LOAD)
    data = tmp_path / "p.json"
    words = ("gate", "--build-dir", tmp_path / "b", "--json", data)
    # At -O1, as it is built without a matrix, nothing is left that could race.
    raceshim(*words, folder, status=1)
    assert json.loads(data.read_text())["matrix"] is None
    done = raceshim(*words, "--matrix", "compiler=clang-19,opt=O0+O2,mode=none+pin", folder)
    told = json.loads(data.read_text())
    assert rows(told) == {str(folder / "race_dead.c"): [1, 1, 0, 0]}
    assert {(one["opt"], one["mode"]) for one in told["programs"]} == {
        ("O0", "none"), ("O0", "pin"), ("O2", "none"), ("O2", "pin")
    }  # fmt: skip
    assert "only some" in done.stdout
    # None of these shows it: a false negative.
    shown = raceshim(*words, "--matrix", "compiler=clang-19,opt=O1+O2", folder, status=1).stdout
    assert "false negative" in shown
    # And one of them is too many for a program that has no race.
    head = PROGRAM.format(what="prose")
    (folder / "race_dead.c").unlink()
    (folder / "norace_dead.c").write_text(head + DEAD_LOAD)
    shown = raceshim(*words, "--matrix", "compiler=clang-19,opt=O0+O2", folder, status=1).stdout
    assert "false positive" in shown
    raceshim(*words, "--matrix", "compiler=clang-19,opt=O2", folder)


def test_other_detectors_look_at_programs_about_races(raceshim: Raceshim, tmp_path: Path) -> None:
    head = PROGRAM.format(what="report:         data race in look, writer")
    (tmp_path / "race_dead.c").write_text(head + DEAD_LOAD)
    data = tmp_path / "p.json"
    matrix = "compiler=clang-19,opt=O0,detector=thread+address"
    raceshim("gate", "--json", data, "--matrix", matrix, tmp_path / "race_dead.c")
    told = json.loads(data.read_text())
    assert [c["detector"] for c in told["matrix"]["cells"]] == ["thread", "address"]
    assert list(rows(told).values()) == [[1, 0]]


def test_programs_with_uninstrumented_parts_have_a_place(raceshim: Raceshim) -> None:
    program = ROOT / "testdata" / "races" / "miss_uninstrumented.c"
    done = raceshim("gate", "--matrix", "compiler=clang-19,opt=O0+O2", program)
    assert re.search(r"miss_uninstrumented.c +0/1  0/1$", done.stdout, re.MULTILINE)


def test_the_wrapper_optimises_as_it_is_told(raceshim: Raceshim, tmp_path: Path) -> None:
    text = tmp_path / "x.c"
    text.write_text("#ifdef __OPTIMIZE__\nint was_optimised;\n#endif\nint x;\n")
    for level, expected in (("O0", False), ("O2", True)):
        words = ("cc", "-O1" if level == "O0" else "-O0", "-S", text, "-o", tmp_path / "x.s")
        raceshim(*words, env={"RACESHIM_OPT": level})
        assert ("was_optimised" in (tmp_path / "x.s").read_text()) is expected
    raceshim("cc", "--opt", "O9", "-S", text, status=2)
