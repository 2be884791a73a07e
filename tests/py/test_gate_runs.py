# SPDX-License-Identifier: BSD-2-Clause
"""The gate over many runs of a command: rates, shards, hangs, and runs that are repeated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness_programs import Programs, Raceshim


#: What is expected of seeds below is so without policies that take turns.
PLAIN = {"RACESHIM_POLICY": "none"}


def gate(
    raceshim: Raceshim,
    folder: Path,
    *words: str | Path,
    status: int | None,
    env: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Gate a command and return the JSON."""
    result = folder / "gate.json"
    result.unlink(missing_ok=True)
    raceshim("gate", "--json", result, *words, status=status, env=PLAIN | (env or {}))
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def counts(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result["runs"][key] for key in ("counted", "clean", "races", "inconclusive"))


def test_rates_are_those_of_the_seeds(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("sometimes", race=True)
    result = gate(
        raceshim, tmp_path, "--runs", "32", "--inputs", "2", "--seed", "3", "--", program, status=1
    )
    assert counts(result) == (32, 28, 4, 0)
    (finding,) = result["findings"]
    rate = finding["rate"]
    assert (rate["shown"], rate["runs"], rate["runs_to_95"]) == (4, 32, 23)
    assert rate["low"] < 4 / 32 < rate["high"]
    assert {seed: share["shown"] for seed, share in rate["by_input"].items()} == {"1": 4, "2": 0}
    assert [task["schedule_seed"] for task in rate["seen_in"]] == [4, 8, 12, 16]
    assert {task["input_seed"] for task in rate["seen_in"]} == {1}
    assert rate["best"] in rate["seen_in"]


def test_silence_is_told_with_what_it_is_worth(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    done = raceshim("gate", "--runs", "14", "--", programs("plain"))
    assert "0 of 14 runs; a race that shows in 1 run of 5" in done.stdout
    assert "done" not in done.stdout  # 14 times the same output helps nobody
    result = gate(raceshim, tmp_path, "--runs", "6", "--", programs("plain"), status=0)
    assert counts(result) == (6, 6, 0, 0)
    assert result["findings"] == []


def test_one_inconclusive_run_is_not_outvoted(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain")
    line = f'[ "$RACESHIM_RUN" != 3 ] || exit 5; exec {program}'
    result = gate(raceshim, tmp_path, "--runs", "6", "--", "sh", "-c", line, status=4)
    assert counts(result) == (6, 5, 0, 1)
    assert any(reason.startswith("1 of 6 runs: ") for reason in result["reasons"])


def test_until_found_stops_at_the_finding(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("sometimes", race=True)
    result = gate(raceshim, tmp_path, "--until-found", "--seed", "1", "--", program, status=1)
    assert counts(result) == (4, 3, 1, 0)
    clean = programs("plain")
    result = gate(raceshim, tmp_path, "--until-found", "--runs", "3", "--", clean, status=0)
    assert counts(result) == (3, 3, 0, 0)


def test_a_budget_ends_the_runs(raceshim: Raceshim, programs: Programs, tmp_path: Path) -> None:
    slow = f"sleep 0.2; exec {programs('plain')}"
    result = gate(raceshim, tmp_path, "--budget", "1s", "--", "sh", "-c", slow, status=0)
    assert 1 <= result["runs"]["counted"] <= 5
    result = gate(
        raceshim, tmp_path, *("--budget", "1h", "--runs", "2"), "--", "sh", "-c", slow, status=0
    )
    assert result["runs"]["counted"] == 2


def test_merged_shards_are_the_whole(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("sometimes", race=True)
    options = ("--runs", "12", "--results")
    whole = gate(raceshim, tmp_path, *options, tmp_path / "all", "--", program, status=1)
    files = [tmp_path / f"{number}.jsonl" for number in (1, 2, 3)]
    for number, file in enumerate(files, 1):
        raceshim(
            "gate", *options, file, "--shard", f"{number}/3", "--", program, status=None, env=PLAIN
        )
        assert len(file.read_text().splitlines()) == 4
    merged = tmp_path / "merged.json"
    # One that comes twice counts once.
    raceshim("merge", "--json", merged, files[2], *files, status=1)
    result = json.loads(merged.read_text())
    assert result["runs"] == whole["runs"]
    for key in ("fingerprint", "rate", "count", "state", "programs", "title"):
        assert [f[key] for f in result["findings"]] == [f[key] for f in whole["findings"]], key
    # A line is run again alone by the same options: a shard of one run.
    alone = tmp_path / "alone"
    one = ("--runs", "12", "--shard", "12/12", "--results", alone)
    raceshim("gate", *one, "--", program, status=1, env=PLAIN)
    line, again = (
        json.loads(file.read_text().splitlines()[at]) for file, at in ((files[2], 3), (alone, 0))
    )
    assert (again["task"], again["command"]) == (line["task"], line["command"])
    assert bool(again["reports"]) == bool(line["reports"]) == (line["task"]["number"] == 11)
    # Suppressions of today hold for the lines of yesterday.
    rule = tmp_path / "rule.toml"
    rule.write_text(
        f'[[suppression]]\nfingerprint = "{whole["findings"][0]["fingerprint"]}"\n'
        'reason = "known"\nexpires = 2099-01-01\n'
    )
    done = raceshim("merge", "--suppressions", rule, *files, status=None)
    assert done.returncode != 1
    assert "suppressed: data race" in done.stdout


def test_lines_that_do_not_belong_together_are_refused(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    for number, program in enumerate((programs("plain"), programs("threadless"))):
        raceshim("gate", "--results", tmp_path / f"{number}", "--", program, status=None)
    done = raceshim("merge", tmp_path / "0", tmp_path / "1", status=2)
    assert "another command" in done.stderr
    (tmp_path / "0").write_text('{"schema": 1}\n')
    assert ":1: " in raceshim("merge", tmp_path / "0", status=2).stderr
    (tmp_path / "0").write_text('{"schema": 1, "task"')  # cut off: that run was not finished
    raceshim("merge", tmp_path / "0", status=4)


def test_a_finding_is_run_again_by_its_name(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    lines = tmp_path / "lines"
    racy = programs("sometimes", race=True)
    program = tmp_path / "program"
    shutil.copy(racy, program)
    words = ("--runs", "8", "--results", lines, "--", program)
    result = gate(raceshim, tmp_path, *words, status=1, env=state)
    name = result["findings"][0]["fingerprint"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = raceshim("repro", name, status=1, env=state, cwd=elsewhere)
    assert "shown again, by run 1" in done.stdout
    assert "schedule 4" in done.stdout
    # Without what was kept, the lines know it too.
    other = {"XDG_STATE_HOME": str(tmp_path / "other")}
    raceshim("repro", "--results", lines, name, status=1, env=other)
    assert "nothing is known" in raceshim("repro", name, status=2, env=other).stderr
    assert "no run of" in raceshim("repro", "--results", lines, "v1-0", status=2).stderr
    # Repaired, it is not shown again; a program that does not run proves nothing.
    shutil.copy(programs("sometimes"), program)
    done = raceshim("repro", name, status=0, env=state)
    assert "not shown again: 0 of" in done.stdout
    program.write_text("#!/bin/sh\n")
    raceshim("repro", name, "--runs", "2", status=4, env=state)


@pytest.mark.parametrize("debugger", [True, False], ids=["gdb", "no-gdb"])
def test_a_hang_is_a_finding_with_the_stacks_of_all_threads(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, debugger: bool
) -> None:
    path = os.environ["PATH"]
    if not debugger:
        tools = tmp_path / "bin"
        tools.mkdir()
        for folder in path.split(":"):
            for tool in Path(folder).glob("*"):
                if tool.name != "gdb" and not (tools / tool.name).exists():
                    (tools / tool.name).symlink_to(tool)
        path = str(tools)
    elif shutil.which("gdb") is None:
        pytest.skip("needs gdb")
    program = programs("deadlock")
    words = ("--runs", "2", "--timeout", "2", "--", program)
    result = gate(raceshim, tmp_path, *words, status=1, env={"PATH": path})
    (finding,) = result["findings"]
    assert (finding["kind"], finding["kind_class"], finding["rule"]) == ("hang", "hang", "hang")
    assert finding["rate"]["shown"] == 2
    assert sorted(finding["functions"]) == ["main", "waits_for_lock"]
    guessed = ["guessed" in stack["label"] for stack in finding["stacks"]]
    assert guessed == [not debugger] * 2
    names = [{frame["function"] for frame in stack["frames"]} for stack in finding["stacks"]]
    assert "main" in names[0]
    assert "waits_for_lock" in names[1]


def test_who_still_works_has_a_timeout_and_no_hang(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    words = ("--timeout", "1", "--", programs("spin"))
    result = gate(raceshim, tmp_path, *words, status=1)
    (finding,) = result["findings"]
    assert (finding["kind"], finding["rule"]) == ("timeout", "timeout")
    assert finding["functions"] == ["main"]
    # Only told of, it is still nothing that is known to be clean.
    result = gate(raceshim, tmp_path, "--tolerate", "timeout", *words, status=4)
    assert "ended by its timeout" in " ".join(result["reasons"])


def test_interrupted_runs_leave_what_was_done(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    fifo, lines = tmp_path / "fifo", tmp_path / "lines"
    os.mkfifo(fifo)
    line = f"{programs('plain')}; [ $RACESHIM_RUN != 2 ] || {{ echo > {fifo}; sleep 600; }}"
    started = subprocess.Popen(
        raceshim.line("gate", "--runs", "9", "--results", lines, "--", "sh", "-c", line),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    fifo.read_text()
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert "raceshim: interrupted: 2 runs" in out
    assert [json.loads(text)["task"]["number"] for text in lines.read_text().splitlines()] == [0, 1]


def test_runs_at_a_time_are_as_many_runs(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("sometimes", race=True)
    result = gate(raceshim, tmp_path, "--runs", "12", "--jobs", "3", "--", program, status=1)
    assert counts(result) == (12, 9, 3, 0)


@pytest.mark.parametrize(
    "words",
    [
        ("--budget", "soon", "--", "true"),
        ("--shard", "4/3", "--", "true"),
        ("--shard", "0/3", "--", "true"),
        ("--seed", "-1", "--", "true"),
    ],
)
def test_what_cannot_be_understood_is_said(raceshim: Raceshim, words: tuple[str, ...]) -> None:
    raceshim("gate", *words, status=2)
