# SPDX-License-Identifier: BSD-2-Clause
"""How often programs show a race, run by run, as the system schedules and under each policy.

A folder holds executables with ThreadSanitizer, whose names are their verdicts as in testdata
(`race_`, `norace_`), or a list says them: a name and `race`, `clean` or `unknown` a line. Another
folder may hold the same programs linked with `raceshim cc --schedules=yes`, which the policies are
then measured with; `plain` always runs the first.

All arms take turns, so that all of them meet the same load, and each run has a schedule seed of its
own; a policy that has two turns in the rotation has two runs for each one of the others. The input
seed is the same for all runs unless it is said otherwise. Every run is a line of JSON in the file
of results, which a second call goes on with; `--tell` adds up what is there.

Nothing is drawn by chance in the sums: what 4 runs of the rotation are expected to find follows
from the rates, as does what 12 plain runs are.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim.cc import _prefix
from raceshim.runs._policies import PINNED, PRELOADED, TURNS
from raceshim.runs._rates import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PLAIN = "plain"
_OPTIONS = "history_size=7:atexit_sleep_ms=100:symbolize=0:exitcode=66"
_RACES = (b"ThreadSanitizer: data race", b"ThreadSanitizer: heap-use-after-free")


#: Programs by the rate at which plain runs show their race.
_GROUPS = (
    ("all that any arm shows", 0.0, 2.0),
    ("plain under 1/4", 0.0, 1 / 4),
    ("plain 1/4 to 3/4", 1 / 4, 3 / 4),
    ("plain 3/4 and more", 3 / 4, 2.0),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run, and what came of it."""

    program: str
    arm: str
    input_seed: int
    schedule_seed: int
    found: bool
    hung: bool
    cpu: float
    seconds: float


def run(binary: Path, arm: str, seeds: tuple[int, int], limit: float) -> Trial:
    """Run a program once in an arm."""
    input_seed, seed = seeds
    environ = {k: v for k, v in os.environ.items() if not k.endswith("SAN_OPTIONS")}
    environ |= {"TSAN_OPTIONS": _OPTIONS, "RACESHIM_INPUT_SEED": str(input_seed)}
    prefix = []
    if arm in PRELOADED:
        environ |= {"LD_PRELOAD": _prefix.perturb(), "RACESHIM_PERTURB": f"{arm}:{seed}"}
    if arm in PINNED:
        processors = sorted(os.sched_getaffinity(0))
        prefix = ["taskset", "-c", str(processors[seed % len(processors)])]
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(
            [*prefix, binary],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        late = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        _, _, used = os.wait4(process.pid, 0)
        hung = not late.is_alive()
        late.cancel()
        process.returncode = 0
        seconds = time.monotonic() - began
        output.seek(0)
        text = output.read(1 << 22)
    found = any(word in text for word in _RACES)
    cpu = used.ru_utime + used.ru_stime
    return Trial(binary.name, arm, input_seed, seed, found, hung, cpu, seconds)


def verdicts(folder: Path, listed: Path | None) -> dict[str, str]:
    """Return what each program of a folder is: `race`, `clean` or `unknown`."""
    if listed is not None:
        pairs = (line.split() for line in listed.read_text().splitlines() if line.strip())
        return {name: verdict for name, verdict in pairs if (folder / name).exists()}
    prefixes = {"race_": "race", "norace_": "clean"}
    return {
        path.name: verdict
        for path in sorted(folder.iterdir())
        for prefix, verdict in prefixes.items()
        if path.name.startswith(prefix) and os.access(path, os.X_OK)
    }


def measure(options: argparse.Namespace, names: Sequence[str], arms: Sequence[str]) -> None:
    """Run all programs in all arms, and keep each run. An arm may be there twice."""
    done = Counter((one.program, one.arm) for one in read(options.results))
    folder = {arm: options.folder if arm == PLAIN else options.linked for arm in arms}

    def work() -> Iterator[tuple[str, str, int]]:
        for turn in range(options.runs):
            for name in names:
                for place, arm in enumerate(arms):
                    number = turn * arms.count(arm) + arms[:place].count(arm)
                    if number >= done[name, arm]:
                        yield name, arm, number

    def one(what: tuple[str, str, int]) -> None:
        name, arm, number = what
        seeds = (1 + number % options.inputs, options.seed + number)
        trial = run(folder[arm] / name, arm, seeds, options.timeout)
        line = json.dumps(asdict(trial)) + "\n"
        with lock, options.results.open("a") as file:
            file.write(line)

    lock = threading.Lock()
    with ThreadPoolExecutor(options.jobs) as pool:
        for _ in pool.map(one, work()):
            pass


def read(results: Path) -> list[Trial]:
    """Return all runs of a file."""
    if not results.exists():
        return []
    return [Trial(**json.loads(line)) for line in results.read_text().splitlines()]


@dataclass(slots=True)
class Cell:
    """The runs of a program in an arm."""

    runs: int = 0
    found: int = 0
    hung: int = 0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Of the runs, how many have shown a race."""
        return self.found / self.runs if self.runs else 0.0


def table(trials: Sequence[Trial]) -> dict[str, dict[str, Cell]]:
    """Return the cells: program, arm."""
    cells: dict[str, dict[str, Cell]] = defaultdict(lambda: defaultdict(Cell))
    for trial in trials:
        cell = cells[trial.program][trial.arm]
        cell.runs += 1
        cell.found += trial.found
        cell.hung += trial.hung
        cell.cpu += trial.cpu
    return cells


def tell(
    trials: Sequence[Trial],
    verdict: dict[str, str],
    rotation: Sequence[str],
    before: Sequence[Trial] = (),
) -> None:
    """Print what the runs say.

    `before` are other runs, which say how hard each program is. Without them the same runs say it,
    and then plain looks worse than it is on the hard ones: they were chosen for its bad luck.
    """
    hard = table(before or trials)
    cells = table([one for one in trials if one.program in verdict])
    arms = sorted({one.arm for one in trials}, key=lambda arm: (arm != PLAIN, arm))
    rotation = [arm for arm in rotation if arm in arms]
    load = os.getloadavg()[0]
    runs = {arm: max(cell[arm].runs for cell in cells.values()) for arm in arms}
    print(f"{len(cells)} programs; runs of each: {runs}; load now {load:.1f}")
    clean = {n: c for n, c in cells.items() if verdict[n] == "clean"}
    for arm in arms:
        total = sum(cell[arm].runs for cell in clean.values())
        reported = sorted(n for n, cell in clean.items() if cell[arm].found)
        print(f"clean, {arm}: {len(clean)} programs, {total} runs, reported: {reported or 'none'}")
    racy = {
        n: c
        for n, c in cells.items()
        if verdict[n] != "clean" and any(cell.found for cell in c.values())
    }
    for title, low, high in _GROUPS:
        group = [c for name, c in racy.items() if low <= hard[name][PLAIN].rate < high]
        if group:
            print(f"\n{title}: {len(group)} programs")
            _tell_group(group, arms, rotation)


def _tell_group(
    group: Sequence[dict[str, Cell]], arms: Sequence[str], rotation: Sequence[str]
) -> None:
    print("  arm      rate/run (95 %)          CPU ms/run  found per CPU-s")
    total: dict[str, Cell] = {}
    for arm in arms:
        cell = total[arm] = Cell()
        for row in group:
            cell.runs += row[arm].runs
            cell.found += row[arm].found
            cell.cpu += row[arm].cpu
        _tell_cell(arm, cell)
    both = Cell()
    for arm in set(rotation):  # whose runs are as many as its turns
        both.runs += total[arm].runs
        both.found += total[arm].found
        both.cpu += total[arm].cpu
    _tell_cell("rotation", both)
    plain = total[PLAIN]
    if plain.found:
        per_cpu = (both.found / both.cpu) / (plain.found / plain.cpu)
        print(f"  rotation/plain: {both.rate / plain.rate:.1f}x a run, {per_cpu:.1f}x a CPU-second")
    for budget in (1, 2, 4, 6, 12):
        plainly = sum(1 - (1 - row[PLAIN].rate) ** budget for row in group)
        mixed = 0.0
        for row in group:
            missed = 1.0
            for number in range(budget):
                missed *= 1 - row[rotation[number % len(rotation)]].rate
            mixed += 1 - missed
        print(f"  expected in {budget:2} runs: plain {plainly:6.1f}   rotation {mixed:6.1f}")


def _tell_cell(arm: str, cell: Cell) -> None:
    low, high = wilson(cell.found, cell.runs)
    each = 1000 * cell.cpu / max(cell.runs, 1)
    per = cell.found / cell.cpu if cell.cpu else 0.0
    print(f"  {arm:8} {cell.rate:6.3f} ({low:.3f} to {high:.3f})  {each:10.1f}  {per:10.2f}")


def main() -> int:
    """Measure, then tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="executables with ThreadSanitizer")
    parser.add_argument("--linked", type=Path, help="the same, linked with --schedules=yes")
    parser.add_argument("--verdicts", type=Path, help="lines of NAME race|clean|unknown")
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, gone on with")
    parser.add_argument("--runs", type=int, default=12, help="of each program in each turn")
    parser.add_argument("--inputs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=10.0)
    parser.add_argument("--policies", default=",".join(TURNS), help="the rotation")
    parser.add_argument("--only", default="", help="programs whose name has this")
    parser.add_argument("--by", type=Path, help="results that say how hard a program is")
    parser.add_argument("--tell", action="store_true", help="run nothing")
    options = parser.parse_args()
    options.linked = options.linked or options.folder
    verdict = verdicts(options.folder, options.verdicts)
    rotation = options.policies.split(",")
    if not options.tell:
        names = [
            name for name in verdict if options.only in name and (options.linked / name).exists()
        ]
        measure(options, names, [PLAIN, *rotation])
    before = read(options.by) if options.by else ()
    tell(read(options.results), verdict, rotation, before)
    return 0


if __name__ == "__main__":
    sys.exit(main())
