# SPDX-License-Identifier: BSD-2-Clause
"""What a result costs on a cluster of this machine, without the run that makes it.

`raceshim gate --cluster local:N --runs 100000 -- PROGRAM`, where a worker makes no process: in
place of the run it returns at once the result that one real run of a program has left, under the
task's number and seeds; one in `--racy` is that of a run with a race. All else is as ever: chunks,
Dask, lines of JSON, their order, the verdict of all. When half of the results are there, a worker
is killed, and Dask starts another one. Told are the time for each result, in all and of the gate's
own processor, and the peak memory of the gate's process, in which Dask's scheduler and client are
for local:N, and of the workers. It fails over 3 ms a result, and unless each result was counted
once.

    bench/cluster_results.py [--results 100000] [--workers 2] [--racy 50] [--chunk 500]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim.cluster import _drive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.formats._lines import Result

PROGRAM = """\
#include <pthread.h>
#include <stdlib.h>
int shared;
static void *run(void *arg) { shared++; return arg; }
int main(int argc, char **argv)
{
    pthread_t thread;
    (void)argv;
    pthread_create(&thread, 0, run, 0);
    if (argc > 1) shared++;
    pthread_join(thread, 0);
    return 0;
}
"""
MS_BAR = 3.0
RACESHIM = (sys.executable, "-m", "raceshim")
#: Where a worker finds the results to return: pickled, a clean one and one with a race.
SAMPLES = "BENCH_CLUSTER_SAMPLES"
#: Imported by every Python that starts with this folder on its path: the workers.
HOOK = """\
import os, pickle, sys
from dataclasses import replace
if os.environ.get("BENCH_CLUSTER_SAMPLES"):
    import importlib.abc, importlib.machinery
    class _Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name != "raceshim.cluster._worker":
                return None
            sys.meta_path.remove(self)
            import raceshim._repeat as repeat
            with open(os.environ["BENCH_CLUSTER_SAMPLES"], "rb") as file:
                clean, racy, every = pickle.load(file)
            def run_task(bench, setting, task, limit, *, alone, environ=None):
                one = racy if task.number % every == every - 1 else clean
                return replace(one, setting=setting, task=task)
            repeat.run_task = run_task
            return importlib.machinery.PathFinder.find_spec(name, path, target)
    sys.meta_path.insert(0, _Finder())
"""


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--racy", type=int, default=50)
    parser.add_argument("--chunk", type=int, help="so many results in a chunk at most")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.chunk is not None:
        _drive.LARGEST = asked.chunk
    with tempfile.TemporaryDirectory(prefix="raceshim-bench-") as folder:
        found = measure(Path(folder), asked.results, asked.workers, asked.racy)
    for name, value in found.items():
        print(f"{name:32} {value:12.3f}" if isinstance(value, float) else f"{name:32} {value:12}")
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    right = (asked.results, asked.results // asked.racy, 1)
    counted = (found["counted"], found["of them with a race"], found["workers killed"])
    if counted != right:
        print(f"results counted, races, workers killed: {counted} in place of {right}")
    return int(counted != right or found["ms a result"] > MS_BAR)


def measure(folder: Path, results: int, workers: int, every: int) -> dict[str, float | int]:
    """Run the gate, and return what it cost."""
    source, program = folder / "program.c", folder / "program"
    source.write_text(PROGRAM, encoding="utf-8")
    subprocess.run([*RACESHIM, "cc", "-g", "-O1", source, "-o", program, "-pthread"], check=True)
    samples = folder / "samples"
    sizes = sample(folder, program, samples, every)
    (folder / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    os.environ[SAMPLES] = str(samples)
    os.environ["PYTHONPATH"] = str(folder)
    sys.path.insert(0, str(folder))

    from raceshim import _cli  # noqa: PLC0415 - with the environment of above

    peaks = Peaks()
    words = ["gate", "--cluster", f"local:{workers}", "--runs", str(results), "--policy", "none"]
    empty = ["gate", "--cluster", f"local:{workers}", "--runs", "2", "--policy", "none"]
    start, spent = timed(_cli.main, [*empty, "--", str(program)])
    told = folder / "gate.json"
    with peaks, killer(results // 2) as killed:
        seconds, cpu = timed(_cli.main, [*words, "--json", str(told), "--", str(program)])
    counts = json.loads(told.read_text(encoding="utf-8"))["runs"]
    return {
        "counted": counts["counted"],
        "of them with a race": counts["races"],
        "workers killed": len(killed),
        "results": results,
        "workers": workers,
        "bytes of a clean line": sizes[0],
        "bytes of a racy line": sizes[1],
        "seconds": seconds,
        "of it start and end": start,
        "ms a result": 1e3 * (seconds - start) / results,
        "ms of the gate's processor": 1e3 * (cpu - spent) / results,
        "MB of the gate at its start": peaks.first / 1e6,
        "MB of the gate after a tenth": peaks.tenth() / 1e6,
        "MB of the gate at its peak": peaks.gate / 1e6,
        "MB of the largest worker": peaks.worker / 1e6,
        "ru_maxrss of the gate, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def sample(folder: Path, program: Path, samples: Path, every: int) -> tuple[int, int]:
    """Keep what a real run leaves, without a race and with one; return the sizes of their lines."""
    from raceshim.formats._lines import decode  # noqa: PLC0415

    lines = []
    for words in ((), ("racy",)):
        for _ in range(20):
            file = folder / "line"
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "raceshim",
                    "gate",
                    "--results",
                    file,
                    "--",
                    program,
                    *words,
                ],
                check=False,
                capture_output=True,
                env=os.environ | {"XDG_STATE_HOME": str(folder)},
            )
            line = file.read_text(encoding="utf-8")
            if bool(decode(line).reports) == bool(words):
                break
        lines.append(line)
    clean, racy = map(decode, lines)
    samples.write_bytes(pickle.dumps((clean, racy, every)))
    return len(lines[0]), len(lines[1])


def timed(function: object, words: list[str]) -> tuple[float, float]:
    """Call the command; return the time, and that of this process's processor."""
    os.environ["XDG_STATE_HOME"] = tempfile.gettempdir()
    begin, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()) as told:
        status = function(words)  # type: ignore[operator]
    if status not in (0, 1):
        raise SystemExit(told.getvalue())
    return time.perf_counter() - begin, time.process_time() - cpu


@contextlib.contextmanager
def killer(when: int) -> Iterator[list[int]]:
    """Kill a worker when so many results are there; give the pids of those that were."""
    from raceshim._campaign import Campaign  # noqa: PLC0415 - as above

    killed: list[int] = []
    count = 0
    add = Campaign.add

    def counting(self: Campaign, result: Result) -> frozenset[str] | None:
        nonlocal count
        count += 1
        if count == when:
            workers = [pid for pid in children() if b"spawn_main" in cmdline(pid)]
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])
        return add(self, result)

    Campaign.add = counting  # type: ignore[method-assign]
    try:
        yield killed
    finally:
        Campaign.add = add  # type: ignore[method-assign]


def children() -> list[int]:
    """Return the processes that this one has started."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text(encoding="utf-8").split())
    return found


def cmdline(pid: int) -> bytes:
    """Return a process's command line."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


class Peaks:
    """Watches how much memory this process and its children have."""

    def __init__(self) -> None:
        """Know nothing."""
        self.first = self.gate = self.worker = 0
        self._trail: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        """Begin."""
        self.first = _rss(os.getpid())
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def tenth(self) -> int:
        """Return what the gate had when a tenth of the time was over."""
        return self._trail[len(self._trail) // 10] if self._trail else 0

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            self._trail.append(_rss(os.getpid()))
            self.gate = max(self.gate, self._trail[-1])
            for child in children():
                self.worker = max(self.worker, _rss(child))


def _rss(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    return 0


if __name__ == "__main__":
    sys.exit(main())
