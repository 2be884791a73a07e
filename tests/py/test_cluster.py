# SPDX-License-Identifier: BSD-2-Clause
"""The gate on a cluster of this machine: the same report, whoever makes the runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import slurm
from cluster_reports import lines, numbers, report
from cover_samples import source_meta, write_run
from harness_programs import source
from raceshim._errors import UsageError
from raceshim._option_values import cluster as cluster_value
from raceshim.cluster import _cover
from raceshim.cluster._files import Shipment, is_system, shipment
from raceshim.cluster._order import InOrder
from raceshim.cluster._store import Store, Tree, UnfitError, pieces
from raceshim.cover import _inputs, _merge
from raceshim.prof._read import read_file

if TYPE_CHECKING:
    from harness_programs import Programs, Raceshim
    from raceshim.prof._model import Profile

LIBRARY = "int bump(int *p) { return ++*p; }\n"
USER = """\
#include <pthread.h>
int bump(int *);
int shared;
static void *run(void *arg) { bump(&shared); return arg; }
int main(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, run, 0);
    pthread_join(thread, 0);
    return 0;
}
"""


def test_runs_come_back_in_order_whatever_came_first() -> None:
    order = InOrder(memory=8)
    data = {place: bytes([place]) * 5 for place in (0, 3, 4, 6, 9)}
    counts = {0: 3, 3: 1, 4: 2, 6: 3, 9: 1}
    given: list[bytes] = []
    for place in (9, 4, 6, 0):
        order.add(place, counts[place], data[place])
        given += order.ready()
    assert given == [data[0]]
    assert order.waiting == 6
    order.add(4, 2, b"a second time")
    order.add(0, 3, b"a second time")
    order.add(3, 1, data[3])
    given += order.ready()
    assert given == [data[place] for place in (0, 3, 4, 6, 9)]
    order.add(12, 1, b"later")
    order.add(11, 1, b"late")
    assert list(order.ready()) == []
    assert list(order.rest()) == [b"late", b"later"]
    order.close()


@pytest.mark.parametrize(
    "text", ["tcp://10.0.0.1:8786", "tls://h:1", "tcp://[::1]:8786", "local:4", "slurm:c.toml"]
)
def test_names_of_clusters(text: str) -> None:
    assert cluster_value(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "tcp", "tcp:8786", "tcp://:8786", "tcp://host", "local:0", "local:", "slurm:", "ssh:a"],
)
def test_what_names_no_cluster_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no cluster"):
        cluster_value(text)


@pytest.fixture
def project(tmp_path: Path, raceshim: Raceshim) -> Path:
    """Return a folder with a program, and a library of its own that the loader finds."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib.c").write_text(LIBRARY)
    (tmp_path / "user.c").write_text(USER)
    shared = tmp_path / "lib" / "libbump.so.1"
    raceshim(
        "cc", "-g", "-shared", "-fPIC", "-Wl,-soname,libbump.so.1", tmp_path / "lib.c", "-o", shared
    )
    raceshim("cc", "-g", tmp_path / "user.c", shared, "-o", tmp_path / "user")
    (tmp_path / "data.txt").write_text("data\n")
    return tmp_path


def test_what_a_command_needs_is_found(project: Path) -> None:
    found = {**os.environ, "LD_LIBRARY_PATH": str(project / "lib")}
    found["TSAN_OPTIONS"] = f"suppressions={project / 'data.txt'}"
    command = ["sh", "-c", f"exec {project / 'user'} >/dev/null"]
    sent = shipment(command, (), found, project)
    names = {Path(file.path).name for file in sent.files}
    assert names == {"user", "libbump.so.1", "data.txt"}
    assert {file.path: file.mode for file in sent.files}[str(project / "user")] & 0o100
    ((program, needed),) = sent.programs
    assert program == str(project / "user")
    assert needed == (("libbump.so.1", str(project / "lib/libbump.so.1")),)
    # A folder with all that is in it; the system's own files never.
    whole = shipment(["cat", "/etc/passwd"], (".",), {}, project)
    assert {"lib.c", "user.c", "data.txt", "user"} <= {Path(f.path).name for f in whole.files}
    assert all(file.path.startswith(str(project)) for file in whole.files)
    with pytest.raises(UsageError, match="nowhere"):
        shipment(["true"], ("nowhere",), {}, project)


def test_runtimes_of_detectors_are_sent_though_they_are_the_systems() -> None:
    assert is_system("/usr/lib/x86_64-linux-gnu/libpthread.so.0")
    assert not is_system("/usr/lib/x86_64-linux-gnu/libtsan.so.2")
    assert not is_system("/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.tsan-x86_64.so")
    assert not is_system("/usr/local/lib/libmine.so")


def laid_out(project: Path, place: Path, command: list[str]) -> tuple[Store, Tree, Shipment]:
    sent = shipment(command, (), {**os.environ, "LD_LIBRARY_PATH": str(project / "lib")}, project)
    store = Store(place / "store")
    for file in sent.files:
        store.put(file.digest, pieces(file.path))
    tree = Tree(place / "tree", sent, str(project))
    tree.build(store)
    return store, tree, sent


def test_a_tree_has_the_files_and_their_libraries(project: Path, tmp_path: Path) -> None:
    program = str(project / "user")
    _, tree, _ = laid_out(project, tmp_path / "worker", [program, "data.txt"])
    assert (tree.cwd / "data.txt").read_text() == "data\n"
    environ = tree.environ({"PATH": "/usr/bin:/bin"})
    tree.check(environ)
    assert tree.to_there(f"exec {program} --in={project}/data.txt") == (
        f"exec {tree.folder}{program} --in={tree.folder}{project}/data.txt"
    )
    assert tree.to_there(f"{project}2/user /x{program}") == f"{project}2/user /x{program}"
    assert tree.to_here(json.dumps(f'"{tree.there(program)}"')) == json.dumps(f'"{program}"')
    # The library that was sent is gone: the loader says so before any run.
    tree.there(str(project / "lib/libbump.so.1")).unlink()
    with pytest.raises(UnfitError, match=r"user cannot be loaded: .*libbump\.so\.1"):
        tree.check(environ)


def test_a_store_takes_nothing_that_is_not_what_it_says(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(UnfitError, match="another content"):
        store.put("0" * 64, [zlib.compress(b"something")])
    assert not store.has("0" * 64)
    assert list(tmp_path.iterdir()) == []


def sums(profile: Profile) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Return what was allocated, by the program's own functions and modules on the stack."""
    found: Counter[tuple[tuple[str, ...], int]] = Counter()
    for stack, values, _ in profile.samples:
        own = tuple(f"{f.module.path}:{f.function}" for f in stack if "counted" in f.module.path)
        for place, value in enumerate(values):
            found[own, place] += value
    return {own: tuple(found[own, n] for n in range(4)) for own, _ in found if own}


def gates(
    raceshim: Raceshim, folder: Path, where: dict[str, tuple[str, ...]], line: str, runs: int
) -> None:
    """Gate a line for a shell, here and there, and compare what comes of it."""
    command = ("--policy", "none,pin", "--runs", str(runs), "--", "sh", "-c", line)
    covered, profiled = {}, {}
    for name, words in {"alone": (), **where}.items():
        outputs = ("--json", folder / f"{name}.json", "--results", folder / f"{name}.jsonl")
        cover = ("--cover", folder / f"{name}.cover", "--profile", f"heap=1:{folder / name}")
        env = {"XDG_STATE_HOME": str(folder / "state")}
        raceshim("gate", *words, *outputs, *cover, *command, cwd=folder, status=1, env=env)
        dump = raceshim("cover", "debugdump", folder / f"{name}.cover").stdout.splitlines()
        # How often a thread looks whether it is its turn is chance.
        covered[name] = [row for row in dump if "await_turn" not in row]
        assert numbers(folder / f"{name}.jsonl") == list(range(runs))
        assert report(folder / f"{name}.json") == report(folder / "alone.json")
        assert lines(folder / f"{name}.jsonl") == lines(folder / "alone.jsonl")
        assert covered[name] == covered["alone"]
        profiled[name] = read_file(folder / name / "heap.pb.gz")
        assert sums(profiled[name]) == sums(profiled["alone"])
        assert profiled[name].comments == profiled["alone"].comments
    assert any(f"main: {runs} " in row for row in covered["alone"])
    assert f"sum of {runs} processes" in profiled["alone"].comments
    assert (runs, 777 * runs) in {values[:2] for values in sums(profiled["alone"]).values()}


@pytest.fixture
def counted(raceshim: Raceshim, tmp_path: Path) -> Path:
    """Return a program that races with every fourth seed, counts what runs, and keeps a block."""
    text = tmp_path / "counted.c"
    begin = "(void)argc; (void)argv;"
    text.write_text(
        source("sometimes", race=True).replace(begin, f"{begin} if (!malloc(777)) return 1;")
    )
    words = ("--compiler", "clang-19", "--cover=atomic", "-g", "-pthread", text)
    raceshim("cc", *words, "-o", tmp_path / "counted")
    return tmp_path / "counted"


@pytest.mark.parametrize("damaged", [True, False])
def test_coverage_that_cannot_be_read_is_told_as_if_it_were_left_here(
    tmp_path: Path, damaged: bool
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    unit = source_meta()
    for pid in range(1, 4):
        file = write_run(there, [(unit, {0: ((pid, 0), b"")})], pid=pid)
    if damaged:
        file.write_bytes(file.read_bytes()[:-3])
    here.mkdir()
    for _ in range(2):  # chunks
        _cover.put(here, _cover.collected(there, None))
    inputs = _inputs.find([str(here)], skip_damaged=True)
    sums = _merge.merge(inputs, skip_damaged=True)
    counted = 2 * (1 + 2 + (0 if damaged else 3))
    assert sums.totals()[unit.hash].records == {0: ((counted, 0), b"")}
    assert [line.startswith(f"skipped: {here}/{file.name[:-5]}") for line in sums.skipped] == (
        [True] * 2 if damaged else []
    )


def test_report_is_the_same_whoever_makes_the_runs(
    raceshim: Raceshim, counted: Path, tmp_path: Path
) -> None:
    # Workers see no variable of Dask's, and lie with their own files.
    line = f'test -z "$OMP_NUM_THREADS" && exec {counted}'
    where = {"two": ("--cluster", "local:2", "--ship", "auto")}
    gates(raceshim, tmp_path, where, line, runs=16)
    # Any line is run again where there is no cluster.
    (finding,) = json.loads((tmp_path / "two.json").read_text())["findings"]
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    raceshim("repro", finding["fingerprint"], status=1, env=env)


@pytest.mark.long
def test_report_is_the_same_with_any_number_of_workers(
    raceshim: Raceshim, counted: Path, tmp_path: Path
) -> None:
    where = {
        "one": ("--cluster", "local:1"),
        "three": ("--cluster", "local:3", "--ship", "auto"),
    }
    gates(raceshim, tmp_path, where, f"exec {counted}", runs=100)
    # It ends with the first run, by number, that shows something: whoever was faster.
    for words in where.values():
        told = tmp_path / "found.json"
        line = ("--until-found", "--policy", "none", "--json", told, "--", counted)
        raceshim("gate", *words, *line, status=1)
        assert json.loads(told.read_text())["runs"]["counted"] == 4


SLURM = """\
jobs = 2
cores = 1
memory = "1GB"
walltime = "00:10:00"
scheduler_options = { host = "127.0.0.1" }
"""


@pytest.mark.long
def test_jobs_of_a_real_slurm_are_asked_for_and_taken_back(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    reason = slurm.why_not()
    if reason is not None:
        pytest.skip(reason)
    project = tmp_path / "project"
    project.mkdir()
    (project / "cluster.toml").write_text(SLURM)
    results, made = tmp_path / "lines", tmp_path / "made"
    program = programs("sometimes", race=True)
    line = f'echo "$SLURM_JOB_ID" >>{made}; exec {program}'
    words = ("--cluster", "slurm:cluster.toml", "--runs", "60", "--policy", "none")
    with slurm.slurm(tmp_path / "slurm") as env:
        done = raceshim(
            *("gate", *words, "--results", results, "--", "sh", "-c", line),
            cwd=project,
            status=1,
            env=env,
        )
        assert numbers(results) == list(range(60))
        assert "2 jobs are in Slurm's queue" in done.stderr
        # Every run was made in a job, and the jobs end when the gate does.
        jobs = made.read_text().split()
        assert set(jobs) <= {"1", "2"}
        assert len(jobs) == 60
        deadline = time.monotonic() + 60
        while slurm.asked("squeue", "--noheader", environ=env):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.long
def test_jobs_of_slurm_are_asked_for_and_taken_back(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    """The same with stand-ins for sbatch and scancel, where no Slurm can be had."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    jobs = tmp_path / "jobs"
    for name, text in {
        "sbatch": f'setsid sh "$1" >{jobs}.log 2>&1 & echo $! >>{jobs}; echo "job $!"',
        "scancel": 'kill -TERM -- "-$1"',
    }.items():
        (bin_ / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_ / name).chmod(0o755)
    (tmp_path / "cluster.toml").write_text(SLURM)
    words = ("--cluster", "slurm:cluster.toml", "--runs", "20", "--policy", "none")
    results = tmp_path / "lines"
    env = {"PATH": f"{bin_}:{os.environ['PATH']}"}
    program = programs("sometimes", race=True)
    done = raceshim(
        *("gate", *words, "--results", results, "--", program), cwd=tmp_path, status=1, env=env
    )
    assert numbers(results) == list(range(20))
    assert "2 jobs are in Slurm's queue" in done.stderr
    for job in jobs.read_text().split():
        deadline = time.monotonic() + 60
        while Path(f"/proc/{job}").exists():
            assert time.monotonic() < deadline, f"{jobs}.log"
            time.sleep(0.1)


def test_a_scheduler_that_is_not_there_is_told(raceshim: Raceshim) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    done = raceshim("gate", "--cluster", f"tcp://127.0.0.1:{port}", "--", "true", status=4, env=env)
    assert f"no scheduler answers at tcp://127.0.0.1:{port}" in done.stderr
    assert "dask scheduler" in done.stderr
    done = raceshim("gate", "--cluster", "tcp://nowhere", "--", "true", status=2)
    assert "is no cluster" in done.stderr
    done = raceshim("gate", "--cluster", "local:2", ".", status=2)
    assert "--cluster is for a command" in done.stderr
    done = raceshim("gate", "--cluster", "slurm:/nowhere", "--", "true", status=2)
    assert "/nowhere" in done.stderr


def test_without_dask_it_is_told_what_to_install(tmp_path: Path, raceshim: Raceshim) -> None:
    (tmp_path / "distributed.py").write_text("raise ImportError\n")
    env = {"PYTHONPATH": str(tmp_path)}
    done = raceshim("gate", "--cluster", "local:2", "--", "true", status=4, env=env)
    assert "pip install 'raceshim[cluster]'" in done.stderr


def test_an_interrupted_gate_has_judged_what_had_ended(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("sometimes", race=True)
    results, told = tmp_path / "lines", tmp_path / "gate.json"
    # Run 2 waits for ever, and the results of what comes after it wait for their turn. The other
    # worker's second run after it says that its first one has ended.
    seen = tmp_path / "seen"
    line = (
        f'[ "$RACESHIM_RUN" != 2 ] || exec sleep 1000; '
        f'[ "$RACESHIM_RUN" -lt 6 ] || mkdir {seen} 2>/dev/null || : >{seen}/ended; exec {program}'
    )
    words = ("--cluster", "local:2", "--runs", "100000", "--policy", "none")
    outputs = ("--results", results, "--json", told)
    with subprocess.Popen(
        raceshim.line("gate", *words, *outputs, "--", "sh", "-c", line),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as gate:
        deadline = time.monotonic() + 120
        while not (seen / "ended").exists() and gate.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(gate.pid, signal.SIGINT)  # as a terminal does, to all there are
        try:
            printed = gate.communicate(timeout=120)[0].decode()
        finally:
            gate.kill()
    assert gate.returncode == 130, printed
    done = numbers(results)
    assert done == sorted(set(done))
    assert 2 not in done
    assert max(done) > 2
    found = json.loads(told.read_text())
    assert found["verdict"] == "interrupted"
    assert found["runs"]["counted"] == len(done)
    assert found["runs"]["inconclusive"] == 0, found["reasons"]  # none was cut short and counted
    assert found["runs"]["races"] == sum((number + 1) % 4 == 0 for number in done)
