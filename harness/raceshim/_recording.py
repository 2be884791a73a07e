# SPDX-License-Identifier: BSD-2-Clause
"""Run a command that something is recorded of, which is shown when it has ended."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@contextlib.contextmanager
def preloadable(found: Sequence[str]) -> Iterator[str]:
    """Return libraries in a form that LD_PRELOAD, which parts at blanks, can name."""
    paths = [Path(path) for path in found]
    for path in paths:
        if not path.exists():
            raise ToolError(f"{path} is missing; install the package anew")
    if not re.search(r"[\s:]", "".join(found)):
        yield " ".join(found)
        return
    with tempfile.TemporaryDirectory(prefix="raceshim-") as folder:
        links = [Path(folder) / path.name for path in paths]
        for link, path in zip(links, paths, strict=True):
            link.symlink_to(path)
        Path(folder).chmod(0o755)
        yield " ".join(map(str, links))


def preloading(base: Mapping[str, str], libraries: str) -> dict[str, str]:
    """Return what is to be told in an environment, so that the libraries come first."""
    first = (libraries, base.get("LD_PRELOAD", ""))
    # gcc's AddressSanitizer wants to be the first library; ours replaces nothing of it.
    address = (base.get("ASAN_OPTIONS", ""), "verify_asan_link_order=0")
    return {
        "LD_PRELOAD": " ".join(part for part in first if part),
        "ASAN_OPTIONS": ":".join(part for part in address if part),
    }


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run to the end, whatever signals come: they are the command's, and the summary follows."""
    forwarded = (signal.SIGTERM, signal.SIGHUP)
    ours: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _frame: object) -> None:
        if number == signal.SIGINT:  # the terminal has sent it to the command too
            return
        early.append(number)
        for process in ours:
            process.send_signal(number)

    before = {number: signal.getsignal(number) for number in (*forwarded, signal.SIGINT)}
    for number, old in before.items():
        if old is not signal.SIG_IGN:  # what is ignored, the command inherits so
            signal.signal(number, forward)
    try:
        process = subprocess.Popen(command, env=dict(environ), close_fds=False)
        ours.append(process)
        for missed in early:
            process.send_signal(missed)
        return process.wait()
    except FileNotFoundError:
        raise UsageError(f"no such command: {command[0]}") from None
    except OSError as error:
        raise ToolError(f"cannot run {command[0]}: {error.strerror}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
