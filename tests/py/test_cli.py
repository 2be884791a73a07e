# SPDX-License-Identifier: BSD-2-Clause
"""The command line: what it prints, what it refuses, and what starting it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import raceshim as package
from raceshim import _cli
from raceshim._errors import Interrupted
from raceshim._gate import CommandRun, judge_command
from raceshim.cc import _prefix
from raceshim.evidence._processes import ProcessLog
from raceshim.evidence._run import Ended
from raceshim.formats._text import command_text
from raceshim.report._parse import parse_log

if TYPE_CHECKING:
    from harness_programs import Raceshim

VERSION = re.compile(r'#define\s+RSH_VERSION\s+"([^"]+)"')


def test_version_is_the_headers(raceshim: Raceshim) -> None:
    header = Path(_prefix.includes(), "raceshim/raceshim.h").read_text()
    found = VERSION.search(header)
    assert found is not None
    assert raceshim("--version").stdout == f"{found[1]}\n"
    assert package.__version__ == found[1]
    with pytest.raises(AttributeError):
        package.nonsense  # noqa: B018


def test_flags_build_a_program_that_uses_the_library(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text(
        "#include <raceshim/raceshim.h>\n#include <stdio.h>\n"
        "int main(void) { puts(rsh_version()); return 0; }\n"
    )
    flags = raceshim("--cflags", "--libs").stdout.split()
    for compiler in ("clang-19", "gcc-12"):
        subprocess.run([compiler, "x.c", *flags, "-o", "x"], cwd=tmp_path, check=True)
        done = subprocess.run([tmp_path / "x"], capture_output=True, text=True, check=True)
        assert done.stdout == raceshim("--version").stdout


@pytest.mark.parametrize(
    ("option", "inside"),
    [
        ("--includes", "raceshim/raceshim.h"),
        ("--cmakedir", "raceshim-config.cmake"),
        ("--pkgconfigdir", "raceshim.pc"),
    ],
)
def test_folders_hold_what_they_are_for(raceshim: Raceshim, option: str, inside: str) -> None:
    assert Path(raceshim(option).stdout.strip(), inside).is_file()


def test_pkg_config_finds_the_library(raceshim: Raceshim) -> None:
    folder = raceshim("--pkgconfigdir").stdout.strip()
    done = subprocess.run(
        ["pkg-config", "--cflags", "raceshim"],
        env={**raceshim.environ, "PKG_CONFIG_PATH": folder},
        capture_output=True,
        text=True,
        check=True,
    )
    include = done.stdout.split()[0].removeprefix("-I")
    assert Path(include).resolve() == Path(raceshim("--includes").stdout.strip()).resolve()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "usage: raceshim"),
        (["nonsense"], "invalid choice"),
        (["gate"], "nothing to gate"),
        (["gate", "no-such-folder"], "no such file or folder: no-such-folder"),
        (["gate", ".", "--", "true"], "not both"),
        (["gate", "--jobs", "0", "."], "--jobs"),
        (["gate", "--detector", "tsan", "."], "'tsan' is none of"),
        (["gate", "--compiler", "no-such-compiler", "."], "no-such-compiler"),
        (["gate", "--job", "1", "."], "unrecognized"),  # no abbreviations: they would become API
        (["run"], "PROGRAM"),
    ],
)
def test_wrong_usage_is_2_and_one_message(
    raceshim: Raceshim, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "race_x.c").write_text("/*\n * report: data race\n */\nint main(void) { }\n")
    done = raceshim(*words, cwd=tmp_path, status=2)
    assert message in done.stderr
    assert done.stdout == ""


def test_missing_sdk_is_told(raceshim: Raceshim, tmp_path: Path) -> None:
    done = raceshim("--includes", env={"RACESHIM_SDK": str(tmp_path)}, status=4)
    assert "RACESHIM_SDK" in done.stderr


def test_help_names_every_exit_status(raceshim: Raceshim) -> None:
    text = " ".join(raceshim("--help").stdout.split())
    for part in ("0 clean", "1 races", "2 usage", "3 build", "4 inconclusive", "130 interrupted"):
        assert part in text


def test_starting_imports_neither_rich_nor_argparse_for_the_wrapper() -> None:
    code = "import sys; import raceshim._cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"rich", "argparse", "dataclasses"} & set(done.stdout.split())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Interrupted])
def test_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]) -> None:
    def interrupt(_words: list[str]) -> int:
        raise kind

    monkeypatch.setattr(_cli, "_dispatch", interrupt)
    assert _cli.main(["--version"]) == 130


REPORT = """\
WARNING: ThreadSanitizer: data race (pid=7)
  Write of size 4 at 0x55dfc5d0b258 by thread T1:
    #0 f PATH:2:25 (x+0xe4624)

  Previous write of size 4 at 0x55dfc5d0b258 by main thread:
    #0 main /src/x.c:5:54 (x+0xe45b6)

SUMMARY: ThreadSanitizer: data race x.c:4:25 in f
==================
"""


def test_text_shows_source_lines_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("one\n\tarray[index] = [/]two;\n")
    parsed = parse_log(REPORT.replace("PATH", str(tmp_path / "x.c")))
    log = ProcessLog("thread", 7, None, completed=True, parsed=parsed)
    ended = Ended(0, timed_out=False, seconds=0, stdout="", stderr="")
    run = CommandRun(("x",), ended, (log,), frozenset(), ())
    verdict = judge_command(run, "thread")
    text = command_text(verdict, colour=False)
    assert "x.c:2:  array[index] = [/]two;" in text
    assert "\x1b" not in text
    assert "\x1b[1;31mraceshim: races" in command_text(verdict, colour=True)
