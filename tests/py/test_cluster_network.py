# SPDX-License-Identifier: BSD-2-Clause
"""A cluster of several hosts, of which one dies, one is cut off and comes back, and one is slow."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from cluster_hosts import HASTY, Hosts, why_not
from cluster_reports import numbers, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness_programs import Programs, Raceshim

pytestmark = pytest.mark.long
RUNS = 300


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Return a scheduler's host, three workers', and the gate's."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    folder = tmp_path / "hosts"
    folder.mkdir()
    with Hosts(("boss", "w1", "w2", "w3", "gate"), folder) as made:
        yield made


def until(true: Callable[[], bool], what: str, gate: subprocess.Popen[str], hosts: Hosts) -> None:
    deadline = time.monotonic() + 240
    while not true():
        logs = "".join(log.read_text()[-3000:] for log in hosts.folder.glob("*.log"))
        assert gate.poll() is None, f"the gate ended before {what}\n{logs}"
        assert time.monotonic() < deadline, f"{what}\n{logs}"
        time.sleep(0.05)


def count(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_workers_come_and_go_and_every_run_counts_once(
    raceshim: Raceshim, programs: Programs, hosts: Hosts, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(programs("sometimes", race=True), project / "prog")
    marks = {name: tmp_path / f"{name}.runs" for name in ("w1", "w2", "w3", "alone")}
    paces = {"w1": "0.05", "w2": "0.05", "w3": "0.4", "alone": "0"}
    own = {name: {"MARK": str(marks[name]), "PACE": paces[name]} for name in marks}
    line = 'echo "$RACESHIM_RUN" >>"$MARK"; sleep "$PACE"; exec ./prog'
    command = ("--runs", RUNS, "--policy", "none", "--", "sh", "-c", line)
    words = ("--json", tmp_path / "alone.json", *map(str, command))
    raceshim("gate", "--jobs", "2", *words, cwd=project, status=1, env=own["alone"])

    env = raceshim.environ
    scheduler = hosts.scheduler("boss", env)
    workers = {n: hosts.worker(n, scheduler, env | own[n], project) for n in ("w1", "w2", "w3")}
    outputs = ("--json", tmp_path / "gate.json", "--results", tmp_path / "lines")
    words = ("--cluster", scheduler, *outputs, *map(str, command))
    told = (tmp_path / "told").open("w+")
    with (
        told,
        subprocess.Popen(
            hosts.line("gate", *raceshim.line("gate", *words)),
            env=env | HASTY,
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=told,
            text=True,
        ) as gate,
    ):
        until(lambda: min(count(marks[n]) for n in ("w1", "w2", "w3")) > 3, "runs", gate, hosts)
        hosts.kill(workers["w1"])
        hosts.cut("w2")
        gone = f"tcp://{hosts.address('w2')}:"
        until(lambda: f"{gone}" in (tmp_path / "told").read_text(), "w2 gone", gate, hosts)
        before = count(marks["w2"])
        hosts.join("w2")
        until(lambda: count(marks["w2"]) > before + 3, "w2 back", gate, hosts)
        assert gate.wait(timeout=300) == 1, (tmp_path / "told").read_text()
    assert numbers(tmp_path / "lines") == list(range(RUNS))
    assert report(tmp_path / "gate.json") == report(tmp_path / "alone.json")
    made = [one for name in ("w1", "w2", "w3") for one in marks[name].read_text().split()]
    assert set(map(int, made)) == set(range(RUNS))
    assert len(made) > RUNS  # what w1 and w2 had in hand was made again, and counted once
    told_lines = (tmp_path / "told").read_text()
    assert f"tcp://{hosts.address('w1')}:" in told_lines
    assert "1 files for each worker" in told_lines
    assert os.listdir(project) == ["prog"]  # noqa: PTH208
