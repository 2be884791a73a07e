# SPDX-License-Identifier: BSD-2-Clause
"""The options of `raceshim trace`, declared once as those in `_options` are."""

from __future__ import annotations

from raceshim._option_values import count, pattern, truth
from raceshim._options import OPTIONS, Option

#: The options of `raceshim trace`, which are of one call too.
TRACE_OPTIONS = {
    option.name: option
    for option in (
        Option(
            "thread",
            pattern,
            None,
            "only of threads in whose name or number this is found",
            metavar="REGEX",
        ),
        Option(
            "name",
            pattern,
            None,
            "only events in whose name or message this is found",
            metavar="REGEX",
        ),
        Option("count", count, 20, "so many rows of each table (20)", metavar="N"),
        Option(
            "output",
            str,
            None,
            "where to write (record: raceshim.pftrace; the others: stdout)",
            metavar="PLACE",
        ),
        Option("raw", truth, False, "in the tracer's own format, which costs the program less"),
        Option(
            "auto",
            truth,
            False,
            "with automatic events: threads, waits, calls that may wait, CPU samples",
        ),
        Option(
            "preload",
            str,
            None,
            "whether to load the library into every program (yes with --auto, else no)",
            choices=("yes", "no"),
        ),
        Option("title", str, None, "heading of the page", metavar="TEXT"),
        OPTIONS["json"],
    )
}
#: The commands of `raceshim trace`: what they do, what they take, and which options.
TRACE_COMMANDS = {
    "record": (
        "run a command whose programs trace themselves",
        "",
        ("output", "raw", "auto", "preload"),
    ),
    "summary": ("print what is in a trace, and what is wrong with it", "FILE", ("count", "json")),
    "events": ("print the events, in the order of their times", "FILE", ("thread", "name", "json")),
    "check": ("see whether a trace is in order and whole", "FILE", ("json",)),
    "html": ("make a page of it, to zoom and search in", "FILE", ("output", "title")),
    "to-json": ("write it in the JSON of Chrome's tracing", "FILE", ("output",)),
    "to-ctf": ("write it as a directory of CTF 1.8, for babeltrace2", "FILE", ("output",)),
    "to-perfetto": ("write it for ui.perfetto.dev", "FILE", ("output",)),
}
