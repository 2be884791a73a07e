# SPDX-License-Identifier: BSD-2-Clause
"""Let interrupts come a moment later, where one that comes now would leave something behind."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Who waits in the main thread looks up so often, in seconds. Python's handlers run between two of
#: its instructions: an interrupt just before the thread waits in the kernel is heard behind that.
LOOK_UP = 1.0
_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupts_kept() -> Iterator[None]:
    """Keep interrupts until the end of a `with`, where the first of them comes.

    They are kept by handlers and not by the signal mask, which a command that is started meanwhile
    would inherit. Only the main thread is interrupted; in others nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    handlers = {n: h for n in _NUMBERS if callable(h := signal.getsignal(n))}
    _set(dict.fromkeys(handlers, lambda got, _frame: kept.append(got)))
    try:
        yield
    finally:
        _set(handlers)
        if kept:
            signal.raise_signal(kept[0])


def _set(handlers: Mapping[signal.Signals, signal._HANDLER]) -> None:
    """Change handlers, all or none: an interrupt between two of them comes afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
