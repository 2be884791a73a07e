# SPDX-License-Identifier: BSD-2-Clause
"""The folder of the runtimes' logs: what is there is moved aside at once, and nobody spins."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from raceshim.evidence._inotify import FolderWatch
from raceshim.evidence._logs import LogFolder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LOGS = 40


def test_a_log_is_looked_for_once_and_not_for_the_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look into a folder opens it, which the kernel tells like all else."""
    looked = threading.Semaphore(0)
    count = 0
    sweep = LogFolder._sweep  # noqa: SLF001 - what it does, and no more

    def counted(self: LogFolder) -> None:
        nonlocal count
        count += 1
        sweep(self)
        looked.release()

    monkeypatch.setattr(LogFolder, "_sweep", counted)
    with LogFolder() as logs:
        folder = os.path.dirname(logs.log_path)  # noqa: PTH120 - a string
        looked.acquire()
        for number in range(LOGS):
            with open(f"{folder}/log.{number}", "w", encoding="utf-8") as log:  # noqa: PTH123
                log.write("something\n")
            while os.path.exists(log.name):  # noqa: PTH110
                looked.acquire()
        # The first look, one for each log, and for all that may have come between.
        assert count <= 1 + LOGS
        names = [file.name for file in logs.files()]
        assert names == [f"{n + 1}-log.{n}" for n in range(LOGS)]


def test_a_wait_ends_by_what_appears_and_by_nothing_else(tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    file = tmp_path / "file"
    file.write_text("x")
    watch = FolderWatch(watched, [file])
    try:
        os.listdir(watched)  # noqa: PTH208
        file.read_text()
        ended = threading.Event()

        def wait() -> None:
            watch.wait()
            ended.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not ended.wait(0.2)
        (watched / "new").touch()
        waiting.join()
        # Who asks in between takes nothing from those who wait.
        (watched / "newer").touch()
        assert watch.opened(file) == 1
        watch.wait()
        watch.wake()
        watch.wait()
        assert watch.reopened() == set()
    finally:
        watch.close()
