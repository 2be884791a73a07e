# SPDX-License-Identifier: BSD-2-Clause
"""The options of `raceshim prof`, declared once as those in `_options` are."""

from __future__ import annotations

from raceshim._option_values import count, frequency, pattern, percentage, size, truth, waits
from raceshim._options import OPTIONS, Option

#: The options of `raceshim prof`, which are of one call too.
PROF_OPTIONS = {
    option.name: option
    for option in (
        Option(
            "frequency",
            frequency,
            100,
            "samples for each second of processor time of each thread, 1 to 5000 (100)",
            metavar="HZ",
        ),
        Option(
            "output",
            str,
            None,
            "where to write (record: raceshim.pb.gz; flamegraph: the suffix says the format, "
            "and - is SVG on stdout)",
            metavar="FILE",
        ),
        Option(
            "clock",
            str,
            "auto",
            "perf = perf_event_open, time outside the kernel at any rate; timer = timer_create, no "
            "faster than the kernel's tick; wall = time that passes, waiting too; auto = perf, or "
            "where that is not allowed timer",
            choices=("auto", "perf", "timer", "wall"),
        ),
        Option("wall", truth, False, "the same as --clock wall"),
        Option("cpu", truth, False, "record CPU time, as without --heap and --locks"),
        Option(
            "heap",
            size,
            None,
            "record memory; --heap=BYTES: one block of so many bytes allocated (512k), 1 = "
            "every block",
            metavar="BYTES",
            bare=512 << 10,
        ),
        Option(
            "locks",
            waits,
            None,
            "record who waits for locks and other threads, and who held them meanwhile; "
            "--locks=NS:N: all waits of NS nanoseconds (100000), a fair share of shorter ones, and "
            "one of N (10) times that somebody was waited for; 1:1 = everything",
            metavar="NS[:N]",
            bare="100000:10",
        ),
        Option(
            "preload",
            str,
            "yes",
            "yes = load libraceshim.so into every program; no = programs are linked with the "
            "library",
            choices=("yes", "no"),
        ),
        Option(
            "focus",
            pattern,
            None,
            "only samples with a function, file or module in which this is found",
            metavar="REGEX",
        ),
        Option(
            "ignore",
            pattern,
            None,
            "no samples with a function, file or module in which this is found",
            metavar="REGEX",
        ),
        Option(
            "label",
            str,
            None,
            "only samples with this label, as in thread=worker (may be repeated: any of the "
            "values of a key, one of each key)",
            metavar="KEY=VALUE",
        ),
        Option(
            "sample_index",
            str,
            None,
            "which of the samples' values counts, by name or number (what the profile says: cpu, "
            "inuse_space, delay)",
            metavar="NAME",
        ),
        Option(
            "by",
            str,
            None,
            "what frames are put together by (function)",
            choices=("function", "line", "file", "module", "address"),
        ),
        Option(
            "lines",
            truth,
            False,
            "look lines and inlined functions up in the programs' debug information (--by line and "
            "--by file do)",
        ),
        Option("count", count, 30, "so many rows (30)", metavar="N"),
        Option("cum", truth, False, "order by cum: what a function and all it called took"),
        Option("callers", truth, False, "from the leaves up: below a function who called it"),
        Option(
            "min",
            percentage,
            0.5,
            "leave out what has less than so many per cent (0.5)",
            metavar="PERCENT",
        ),
        Option("depth", count, None, "so many levels of calls", metavar="N"),
        Option("normalize", truth, False, "take both profiles for equally long"),
        Option("folded", truth, False, "a line for each stack, for flamegraph.pl and speedscope"),
        Option("title", str, None, "heading of the picture", metavar="TEXT"),
        OPTIONS["json"],
    )
}
_SELECT = ("focus", "ignore", "label")
_PART = (*_SELECT, "sample_index", "lines")
#: The commands of `raceshim prof`: what they do, what they take, and which options.
PROF_COMMANDS = {
    "record": (
        "run a command and sample where its time goes, its memory, or its waiting",
        "",
        ("cpu", "frequency", "clock", "wall", "heap", "locks", "output", "preload"),
    ),
    "top": ("print where the time went", "FILE ...", ("count", "cum", "by", *_PART, "json")),
    "leaks": (
        "print what memory was in use at the end, by the calls that asked for it",
        "FILE ...",
        ("count", *_SELECT, "lines", "json"),
    ),
    "tree": (
        "print who called what",
        "FILE ...",
        ("callers", "min", "depth", "by", *_PART, "json"),
    ),
    "diff": (
        "print what has changed from one profile to another",
        "BEFORE AFTER",
        ("count", "cum", "normalize", "by", *_PART, "json"),
    ),
    "flamegraph": (
        "draw the calls, as SVG or as a page to zoom and search in",
        "FILE ...",
        ("output", "callers", "title", "by", *_PART),
    ),
    "raw": ("print all that is in a profile", "FILE ...", ("folded", "by", *_PART, "json")),
}
