# SPDX-License-Identifier: BSD-2-Clause
"""What a gate of a million runs on a thousand machines would do, simulated with measured times.

An event simulation of the gate's own rules (`raceshim.cluster._drive`: how large chunks are, how
many are out), with what was measured on a real cluster of one machine: what a chunk costs the
scheduler, what a result costs the gate, how large both are on their way, how long runs take. The
scheduler and the gate do one thing at a time each; workers run, and some are lost. Networks have a
rate each way; the time that packets need is that of a chunk's way in all.

    bench/cluster_scale.py [--runs 1000000] [--machines 1000] [--threads 1] [--run-ms 50]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import sys
from dataclasses import dataclass

from raceshim.cluster._drive import chunk_size

#: In seconds of a processor: for each chunk (assumed: Dask's cost of a task, on the safe side), and
#: for each result in it (measured with cluster_results.py; a part of it is the chunk's).
CHUNK, RESULT = 0.0045, 0.000086
#: Of a chunk, what the scheduler does itself; the rest is the gate's.
SCHEDULERS = 0.6
#: Bytes: of a result in a compressed chunk, of a chunk's way out and its messages, of the files.
RESULT_BYTES, CHUNK_BYTES, FILES = 90, 6_000, 600_000
#: Bytes a second of the scheduler's network, and seconds of a way there and back.
NETWORK, WAY = 125e6, 0.002
#: A worker's preparation: its files, their check, and the imports.
READY = 2.0
#: A machine is lost so often, and found out after so long.
LOST_EVERY, FOUND_OUT = 30 * 86400.0, 300.0
#: What a processor costs for an hour, in US$, as spot prices are.
PRICE = 0.02


@dataclass
class Asked:
    """What is simulated."""

    runs: int
    machines: int
    threads: int
    run: float
    spread: float


@dataclass
class Found:
    """What came of it."""

    seconds: float = 0.0
    chunks: int = 0
    again: int = 0
    scheduler: float = 0.0
    gate: float = 0.0
    work: float = 0.0
    bytes_out: float = 0.0
    bytes_back: float = 0.0


class _Server:
    """Does one thing at a time, in the order in which they come."""

    def __init__(self) -> None:
        self.free = 0.0
        self.busy = 0.0

    def serve(self, now: float, seconds: float) -> float:
        self.free = max(self.free, now) + seconds
        self.busy += seconds
        return self.free


class Gate:
    """A gate as it is played: chunks go from stage to stage, each at its time."""

    def __init__(self, asked: Asked, chance: random.Random) -> None:
        """Have every run before it."""
        self.found = Found(bytes_out=float(FILES))
        self._asked = asked
        self._chance = chance
        self._scheduler, self._gate = _Server(), _Server()
        self._left, self._out, self._done = asked.runs, 0, 0
        self._estimate: float | None = None
        self._again: list[int] = []
        self._threads = asked.machines * asked.threads
        # Each machine takes its files from one that has them: those get twice as many each time.
        ready = READY + asked.machines.bit_length() * FILES / NETWORK
        self._free = [ready + chance.uniform(0, 1) for _ in range(self._threads)]
        heapq.heapify(self._free)
        self._events: list[tuple[float, int, str, int, float]] = []
        self._order = itertools.count()

    def play(self) -> Found:
        """Go on until the last result is there."""
        now = 0.0
        self._fill(now)
        while self._done < self._asked.runs:
            now, _, stage, size, work = heapq.heappop(self._events)
            getattr(self, f"_{stage}")(now, size, work)
        self.found.seconds = now
        self.found.scheduler, self.found.gate = self._scheduler.busy, self._gate.busy
        return self.found

    def _later(self, when: float, stage: str, size: int, work: float = 0.0) -> None:
        heapq.heappush(self._events, (when, next(self._order), stage, size, work))

    def _fill(self, now: float) -> None:
        while (self._left or self._again) and self._out < self._threads:
            if self._again:
                size = self._again.pop()
            else:
                size = 1
                if self._estimate is not None:
                    size = chunk_size(self._estimate, self._left, self._threads)
                size = min(size, self._left)
                self._left -= size
            self._out += 1
            self.found.chunks += 1
            self.found.bytes_out += CHUNK_BYTES
            sent = self._gate.serve(now, CHUNK * (1 - SCHEDULERS) / 2)
            self._later(sent, "planned", size)

    def _planned(self, now: float, size: int, _work: float) -> None:
        self._later(self._scheduler.serve(now, CHUNK * SCHEDULERS / 2) + WAY, "begun", size)

    def _begun(self, now: float, size: int, _work: float) -> None:
        begin = max(now, heapq.heappop(self._free))
        mean = self._asked.run * size
        work = max(0.1 * mean, self._chance.gauss(mean, self._asked.spread * mean / size**0.5))
        if self._chance.random() < work / LOST_EVERY:
            heapq.heappush(self._free, begin + FOUND_OUT)
            self._later(begin + FOUND_OUT, "lost", size)
            return
        self.found.work += work
        heapq.heappush(self._free, begin + work)
        self._later(begin + work + WAY + size * RESULT_BYTES / NETWORK, "ended", size, work)

    def _lost(self, now: float, size: int, _work: float) -> None:
        self._out -= 1
        self.found.again += size
        self._again.append(size)
        self._fill(now)

    def _ended(self, now: float, size: int, work: float) -> None:
        self._later(self._scheduler.serve(now, CHUNK * SCHEDULERS / 2), "back", size, work)

    def _back(self, now: float, size: int, work: float) -> None:
        cost = CHUNK * (1 - SCHEDULERS) / 2 + size * RESULT
        self._later(self._gate.serve(now, cost), "taken", size, work)

    def _taken(self, now: float, size: int, work: float) -> None:
        self._out -= 1
        self._done += size
        self.found.bytes_back += size * RESULT_BYTES
        one = work / size
        self._estimate = one if self._estimate is None else 0.8 * self._estimate + 0.2 * one
        self._fill(now)


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run-ms", type=float, nargs="*", default=[20, 50, 200, 1000])
    parser.add_argument("--spread", type=float, default=0.3)
    asked = parser.parse_args()
    print(f"{asked.runs} runs on {asked.machines} machines of {asked.threads} threads")
    heads = ["run", "time", "ideal", "busy", "scheduler", "gate", "chunks", "again"]
    heads += ["out", "back", "cost"]
    print("".join(f"{head:>11}" for head in heads))
    for run in asked.run_ms:
        one = Asked(asked.runs, asked.machines, asked.threads, run / 1e3, asked.spread)
        found = Gate(one, random.Random(1)).play()  # noqa: S311 - no secret
        threads = asked.machines * asked.threads
        cells = (
            f"{run:.0f} ms",
            f"{found.seconds:.0f} s",
            f"{found.work / threads:.0f} s",
            f"{100 * found.work / threads / found.seconds:.0f} %",
            f"{100 * found.scheduler / found.seconds:.0f} %",
            f"{100 * found.gate / found.seconds:.0f} %",
            f"{found.chunks}",
            f"{found.again}",
            f"{found.bytes_out / 1e6:.0f} MB",
            f"{found.bytes_back / 1e6:.0f} MB",
            f"${found.seconds * threads / 3600 * PRICE:.2f}",
        )
        print("".join(f"{cell:>11}" for cell in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
