# SPDX-License-Identifier: BSD-2-Clause
"""The options of `raceshim audit`, `baseline`, `bisect` and `history`, which others do without.

Declared as those in `_options` are. Only what is declared there is also read from the environment
and pyproject.toml.
"""

from __future__ import annotations

from raceshim._option_values import day, probability, truth
from raceshim._options import OPTIONS, Option

#: The options of `raceshim audit`.
AUDIT_OPTIONS = {
    option.name: option
    for option in (
        Option(
            "root",
            str,
            None,
            "a function that handlers begin with, beside those that are found (may be repeated; "
            "* and ? as in a shell)",
            metavar="FUNCTION",
        ),
        Option(
            "allow",
            str,
            None,
            "a TOML file of calls that are right all the same, each with a reason",
            metavar="FILE",
        ),
        OPTIONS["json"],
    )
}

#: The options of `raceshim baseline`.
BASELINE_OPTIONS = {
    option.name: option
    for option in (
        Option(
            "expires",
            day,
            None,
            "the last day on which the findings are answered for, as in 2027-01-31",
            metavar="DATE",
        ),
        Option("keep", truth, False, "keep what none of the runs has shown"),
        OPTIONS["json"],
    )
}
#: The commands of `raceshim baseline`: what they do, what they take, and which options.
BASELINE_COMMANDS = {
    "write": ("write down the findings that are open", "FILE", ("expires", "keep")),
    "check": ("tell new findings from known ones", "FILE", ("json",)),
}

#: The options of `raceshim history`.
HISTORY_OPTIONS = {
    option.name: option
    for option in (
        OPTIONS["db"],
        Option(
            "commit",
            str,
            None,
            "the commit that was tested (HEAD of the repository in the working directory)",
            metavar="NAME",
        ),
        Option(
            "lane",
            str,
            None,
            "name of the runs that can show the same findings (detector and command)",
            metavar="NAME",
        ),
        OPTIONS["json"],
    )
}
#: The commands of `raceshim history`: what they do, what they take, and which options.
HISTORY_COMMANDS = {
    "record": ("add runs of the gate", "FILE", ("db", "commit", "lane")),
    "list": ("list all findings", "", ("db", "json")),
    "show": ("show how often a finding has shown at each commit", "FINGERPRINT", ("db", "json")),
    "commits": ("list all commits", "", ("db", "json")),
}

#: The options of `raceshim bisect`.
BISECT_OPTIONS = {
    option.name: option
    for option in (
        Option(
            "good",
            str,
            None,
            "a commit without the finding (several with commas between)",
            metavar="REVISION,...",
        ),
        Option("bad", str, "HEAD", "a commit that has it (HEAD)", metavar="REVISION"),
        Option(
            "build",
            str,
            None,
            "what builds a commit, for the shell; a commit at which it fails is not tested",
            metavar="COMMAND",
        ),
        Option(
            "error",
            probability,
            0.01,
            "with which probability the commit may be the wrong one (0.01)",
            metavar="P",
        ),
        Option(
            "rate",
            str,
            None,
            "how often the finding shows, instead of measuring it at the bad commit: 0.02 = that "
            "is known; 3/200 = so many runs have shown it; FILE = that gate --json has written; "
            "history = what the history knows of the bad commit",
            metavar="RATE",
        ),
        Option(
            "first_parent",
            truth,
            False,
            "only commits of the branch that others were merged into",
        ),
        Option(
            "incremental",
            truth,
            False,
            "build upon what the commit before has left, instead of from nothing",
        ),
        Option("fresh", truth, False, "begin anew, where the same command was interrupted"),
        *(
            OPTIONS[name]
            for name in (
                *("detector", "jobs", "inputs", "policy", "seed", "timeout", "wait"),
                *("evidence", "symbolize", "output", "db", "json"),
            )
        ),
    )
}
