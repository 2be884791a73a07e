# SPDX-License-Identifier: BSD-2-Clause
"""What a run's policy asks of the process that is started: variables, a library, a processor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.cc import _prefix
from raceshim.evidence._instrumented import examine
from raceshim.runs._policies import PINNED, PRELOADED

if TYPE_CHECKING:
    from raceshim.runs._plan import Task


def asked_of(
    task: Task, options: str, program: str | None
) -> tuple[dict[str, str], str | None, int | None]:
    """Return the variables of a run, what is preloaded, and its only processor.

    `options` are the TSAN_OPTIONS that the command would have without us, `program` the file that
    runs, if it has a detector itself.
    """
    environ, preload, processor = task.environment(), None, None
    if task.policy in PRELOADED:
        preload = _prefix.perturb()
        if not Path(preload).is_file():
            raise ToolError(f"{preload} is not there: this raceshim cannot perturb schedules")
        environ["RACESHIM_PERTURB"] = f"{task.policy}:{task.schedule_seed}"
        if _may_delay(program):
            # In front of the user's own, who may not want it.
            parts = ("enable_adaptive_delay=1", options)
            environ["TSAN_OPTIONS"] = ":".join(part for part in parts if part)
    if task.policy in PINNED:
        processors = sorted(os.sched_getaffinity(0))
        processor = processors[task.schedule_seed % len(processors)]
    return environ, preload, processor


def _may_delay(program: str | None) -> bool:
    """Whether a runtime may be met that delays threads itself, as those of LLVM 23 and newer do.

    Of a script nobody knows what it runs, nor which library a program finds. Older runtimes pass
    over the option, and say so only where somebody has asked for `verbosity=1`.
    """
    known = None if program is None else examine(program)
    return known is None or known.delays is not False
