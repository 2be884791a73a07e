# SPDX-License-Identifier: BSD-2-Clause
"""What can go wrong that is not a bug of ours, and the exit status that tells which it was.

0 clean, 1 races, 2 usage, 3 a build failed, 4 inconclusive, 130 interrupted. Inconclusive is
never shown as clean: a detector that did not run has found nothing, and that proves nothing.
"""

CLEAN = 0
RACES = 1
USAGE = 2
BUILD = 3
INCONCLUSIVE = 4
INTERRUPTED = 130


class RaceshimError(Exception):
    """An expected failure: shown as one message, without a traceback."""

    exit_code = INCONCLUSIVE


class UsageError(RaceshimError):
    """The command, an option or a directive cannot be understood."""

    exit_code = USAGE


class BuildError(RaceshimError):
    """A compiler failed."""

    exit_code = BUILD


class ToolError(RaceshimError):
    """Something that is needed is missing or does not work; nothing is known about the program."""

    exit_code = INCONCLUSIVE


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP has come.

    Not KeyboardInterrupt itself: CPython 3.11 ends by SIGINT, whatever exit status we choose, if
    that was ever raised inside `exec`, which is how every dataclass is made.
    """
