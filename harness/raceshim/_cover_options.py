# SPDX-License-Identifier: BSD-2-Clause
"""The options of `raceshim cover`, declared once as those in `_options` are."""

from __future__ import annotations

from raceshim._option_values import count, pattern, truth
from raceshim._options import OPTIONS, Option

#: The options of `raceshim cover`, which are of one call and never of an environment.
COVER_OPTIONS = {
    option.name: option
    for option in (
        Option(
            "input",
            str,
            None,
            "directories and files, with commas between, like the arguments",
            metavar="PLACE,...",
        ),
        Option(
            "output",
            str,
            None,
            "where to write: a directory, or for most formats a file (- is stdout)",
            metavar="PLACE",
        ),
        Option(
            "binary",
            str,
            None,
            "only this program with its libraries, or this library: a file, or the end of a path "
            "(may be repeated); a file is also where the binary lies now",
            metavar="FILE",
        ),
        Option(
            "by",
            str,
            None,
            "what a line of the table is",
            choices=("function", "file", "directory"),
        ),
        Option("live", truth, False, "only what was executed"),
        Option("func", pattern, None, "only names in which this is found", metavar="REGEX"),
        Option(
            "format",
            str,
            None,
            "profraw and profdata for LLVM's tools, gcda for gcov; lcov, cobertura, json, html and "
            "text for everybody",
            choices=("profraw", "profdata", "gcda", "lcov", "cobertura", "json", "html", "text"),
        ),
        Option("progress", truth, False, "show the progress also where stderr is no terminal"),
        Option("skip_damaged", truth, False, "leave damaged files out, and name them"),
        OPTIONS["json"],
        Option("jobs", count, None, "processes that read (as many as processors)", metavar="N"),
    )
}
_COMMON = ("input", "binary", "skip_damaged", "progress", "jobs")
#: The commands of `raceshim cover`: what they do, and which options they take.
COVER_COMMANDS = {
    "percent": ("print how much was executed", (*_COMMON, "by", "json")),
    "func": ("print how much of each function was executed", (*_COMMON, "json")),
    "merge": ("add up the runs of all inputs", (*_COMMON, "output")),
    "subtract": ("keep what the second input has not executed", (*_COMMON, "output")),
    "intersect": ("keep what all inputs have executed", (*_COMMON, "output")),
    "debugdump": ("print the files' contents", (*_COMMON, "live", "func")),
    "export": ("write a report in another tool's format", (*_COMMON, "format", "output")),
}
