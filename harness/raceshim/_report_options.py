# SPDX-License-Identifier: BSD-2-Clause
"""The options of `raceshim report`, declared once as those in `_options` are."""

from __future__ import annotations

from raceshim._options import Option

#: The options of `raceshim report`, which are of one call.
REPORT_OPTIONS = {
    option.name: option
    for option in (
        Option("output", str, "-", "where to write (- is stdout)", metavar="FILE"),
        Option(
            "sources",
            str,
            None,
            "a folder of the sources that findings are shown with; no other files are read (the "
            "project's; may be repeated)",
            metavar="DIR",
        ),
        Option(
            "trace",
            str,
            None,
            "an execution trace, drawn as a timeline; with the fingerprint of the finding that it "
            "shows, if it shows one (may be repeated)",
            metavar="[FINGERPRINT=]FILE",
        ),
        Option("cover", str, None, "a directory of coverage, to sum up", metavar="DIR"),
        Option("title", str, None, "heading of the page", metavar="TEXT"),
    )
}
#: The commands of `raceshim report`: what they do, what they take, and which options.
REPORT_COMMANDS = {
    "html": (
        "make a page of results, to read, search and send",
        "RESULT",
        ("output", "sources", "trace", "cover", "title"),
    ),
}
