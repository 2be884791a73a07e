# SPDX-License-Identifier: BSD-2-Clause
"""Every option, declared once: default < pyproject.toml < environment < command line.

`jobs` is `--jobs` on the command line, RACESHIM_JOBS in the environment, and `jobs = 2` under
`[tool.raceshim]` in the nearest pyproject.toml above the working directory. The compiler wrapper
reads its options here at every compilation, so nothing heavy is imported.
"""

from __future__ import annotations

import os

from raceshim._errors import UsageError
from raceshim._option_values import (
    cluster,
    count,
    duration,
    profile,
    seconds,
    seed,
    shard,
    truth,
)
from raceshim.cc._compilers import COVER_MODES, DETECTORS

TYPE_CHECKING = False  # typing's own costs an import of typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Value = str | int | float | bool | None


class Option:
    """One option: its name, how its text is read, its default, and what people are told."""

    __slots__ = ("bare", "choices", "default", "help", "metavar", "name", "read", "variable")

    def __init__(  # noqa: PLR0913 - a declaration
        self,
        name: str,
        read: Callable[[str], Value],
        default: Value,
        text: str,
        *,
        metavar: str = "",
        choices: tuple[str, ...] = (),
        bare: Value = None,
        variable: str = "",
    ) -> None:
        """Declare; `bare` is the value where the option alone will do.

        `variable` is the option in the environment, if that is not made of its name.
        """
        self.name = name
        self.read = read
        self.default = default
        self.help = text
        self.metavar = metavar
        self.choices = choices
        self.bare = bare
        self.variable = variable or "RACESHIM_" + name.upper()

    @property
    def is_switch(self) -> bool:
        """Whether the command line takes no value for it."""
        return isinstance(self.default, bool)

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    def parse(self, text: str, where: str) -> Value:
        """Read the option's text; `where` says in an error who wrote it."""
        try:
            value = self.read(text)
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from None
        if self.choices and value not in self.choices:
            raise UsageError(f"{where}: {text!r} is none of {', '.join(self.choices)}")
        return value


OPTIONS = {
    option.name: option
    for option in (
        Option(
            "compiler",
            str,
            "auto",
            "compiler to use; auto takes the first of clang-19, clang-14, clang, gcc-12, gcc that "
            "is installed (for gate on programs: also a list with commas, or all)",
            metavar="NAME",
        ),
        Option(
            "detector",
            str,
            "thread",
            "detector to build with, and the one that must have run for a clean verdict",
            choices=DETECTORS,
        ),
        Option(
            "cover",
            str,
            "none",
            "count what runs: set, count or atomic (which loses no increment) with clang's exact "
            "regions or gcc's blocks; edges or edge-counts with clang's cheaper edges (for gate on "
            "a command: the directory to collect coverage in)",
            choices=COVER_MODES,
        ),
        Option(
            "opt",
            str,
            None,
            "optimise like this, whatever the project says",
            choices=("O0", "O1", "O2", "O3", "Os", "Og", "Oz", "Ofast"),
        ),
        Option(
            "locks",
            str,
            "no",
            "yes = lead the program's calls of locks, semaphores, barriers and joins through the "
            "library, for profiles of who waits for whom",
            choices=("no", "yes"),
        ),
        Option(
            "heap",
            str,
            "no",
            "yes = put what tells of allocations into programs that have no detector to do so, "
            "for profiles of memory",
            choices=("no", "yes"),
        ),
        Option(
            "schedules",
            str,
            "no",
            "yes = lead the program's accesses, atomic operations, and calls of threads and locks "
            "through the library, so that the gate's policies reach them (ThreadSanitizer)",
            choices=("no", "yes"),
        ),
        Option(
            "coverdir",
            str,
            None,
            "directory in which the programs of a command leave their coverage; the percentages "
            "are printed after the verdict (on the command line: gate --cover DIR -- COMMAND)",
            metavar="DIR",
        ),
        Option(
            "jobs",
            count,
            0,
            "programs at a time (as many as processors; several runs of a command only if told)",
            metavar="N",
        ),
        Option("runs", count, 1, "how often each program, or the command, runs", metavar="N"),
        Option(
            "budget",
            duration,
            None,
            "run the command again for so long: 90s, 10m, 2h (with --runs: so often at most)",
            metavar="TIME",
        ),
        Option(
            "until_found",
            truth,
            False,
            "run the command again until there is a finding (1000 runs, or --runs, or --budget, "
            "at most)",
        ),
        Option(
            "inputs",
            count,
            1,
            "go through so many inputs: the command is told which in RACESHIM_INPUT_SEED (1)",
            metavar="N",
        ),
        Option(
            "policy",
            str,
            None,
            "how schedules are made unlikely, with commas: none, pin (one processor), noise "
            "(threads are held up where they synchronise), pct (priorities by chance), mixed "
            "(none,pct,noise,pct in turn, the default for several runs), auto (more of those that "
            "find)",
            metavar="POLICY,...",
        ),
        Option("seed", seed, 1, "the first seed of a schedule (1)", metavar="N"),
        Option(
            "shard",
            shard,
            None,
            "only each Nth of the command's runs, from the Ith on, as for a job of an array",
            metavar="I/N",
        ),
        Option(
            "results",
            str,
            None,
            "write a line of JSON to FILE for each run of the command; raceshim merge adds such "
            "files up, raceshim repro runs a line again",
            metavar="FILE",
        ),
        Option(
            "cluster",
            cluster,
            None,
            "make the runs of the command on the workers of a Dask cluster: the address of its "
            "scheduler (tcp://host:8786), local:N (N workers on this machine), or slurm:FILE (jobs "
            "as FILE describes them)",
            metavar="CLUSTER",
        ),
        Option(
            "ship",
            str,
            None,
            "files and folders that the workers get, with commas, beside those that the command "
            "names and their libraries (auto = just these, the default for other machines); none = "
            "they see this machine's files, at the same paths (the default for local:N)",
            metavar="PLACE,...",
        ),
        Option(
            "pass_env",
            str,
            None,
            "variables of the environment that the workers get, with commas, beside the "
            "detectors' options and the language",
            metavar="NAME,...",
        ),
        Option("timeout", seconds, None, "end the command after so many seconds", metavar="S"),
        Option(
            "wait",
            seconds,
            5.0,
            "how long to wait for instrumented processes that the command leaves behind (5)",
            metavar="S",
        ),
        Option(
            "evidence",
            str,
            "start",
            "how a process proves that the detector watched it: start = a line when it starts and "
            "a record when it ends, so a silent crash is noticed, and an unknown end makes the "
            "verdict inconclusive; exit = the record alone, where tests kill what they start",
            choices=("exit", "start"),
        ),
        Option(
            "canary",
            truth,
            False,
            "plant a known race in every program under ThreadSanitizer; where it is not caught, "
            "the verdict is inconclusive",
        ),
        Option(
            "flight",
            str,
            None,
            "keep the last events of all threads, leave what they were before each report in DIR, "
            "and show those of its threads with the finding",
            metavar="DIR",
            variable="RACESHIM_GATE_FLIGHT",
        ),
        Option(
            "profile",
            profile,
            None,
            "profile all processes of all runs, and add the profiles up in DIR, where they are for "
            "raceshim prof; KIND is cpu (if nothing is said), heap or locks, with a rate as "
            "prof record takes it",
            metavar="[KIND[=RATE],...:]DIR",
            variable="RACESHIM_GATE_PROFILE",
        ),
        Option(
            "symbolize",
            str,
            None,
            "online = the detector looks the names of functions up while the program runs; late = "
            "the gate does, once for each address (online for commands, late for folders of "
            "programs)",
            choices=("online", "late"),
        ),
        Option(
            "output",
            str,
            "scan",
            "scan = search what the command writes for reports of processes whose options "
            "something has overwritten (a terminal only if asked); leave = give it our own streams",
            choices=("scan", "leave"),
        ),
        Option(
            "suppressions",
            str,
            None,
            "findings that somebody has answered for; a .toml file is ours, any other one is in "
            "ThreadSanitizer's format (raceshim-suppressions.toml in the project's folder)",
            metavar="FILE",
        ),
        Option(
            "tolerate",
            str,
            None,
            "kinds of finding that are told but do not shut the gate, with commas between: "
            "thread-leak,lock-order-inversion; other is every kind that is not a race",
            metavar="KINDS",
        ),
        Option("json", str, None, "write the result to FILE as JSON (- is stdout)", metavar="FILE"),
        Option("sarif", str, None, "write the findings to FILE as SARIF 2.1.0", metavar="FILE"),
        Option("junit", str, None, "write the findings to FILE as JUnit XML", metavar="FILE"),
        Option(
            "html",
            str,
            None,
            "write a page for people to FILE: findings with their source, rates, tables",
            metavar="FILE",
        ),
        Option(
            "gitlab",
            str,
            None,
            "write the findings to FILE as a code quality report of GitLab's",
            metavar="FILE",
        ),
        Option(
            "github",
            truth,
            False,
            "annotate the code of a pull request, and fill the job's summary (GitHub Actions)",
        ),
        Option(
            "matrix",
            str,
            None,
            "all settings of these axes, in one table: compiler=, opt=, detector=, mode= (a "
            "policy); + between values, a comma between axes; all is compiler=all,opt=O0+O1+O2",
            metavar="AXIS=VALUE+...,...",
        ),
        Option(
            "build",
            str,
            None,
            "a line for the shell that builds the command anew, for each setting of --matrix",
            metavar="LINE",
        ),
        Option("table", str, None, "write the verdicts to FILE in Markdown", metavar="FILE"),
        Option(
            "db",
            str,
            "sqlite:///raceshim-history.db",
            "database of the history, as a URL of SQLAlchemy's (sqlite:///raceshim-history.db)",
            metavar="URL",
        ),
        Option(
            "build_dir", str, None, "keep what is built in DIR (a private folder)", metavar="DIR"
        ),
    )
}

#: The formats that a verdict is written in.
FORMATS = ("json", "sarif", "junit", "html", "gitlab", "github")
#: Which command takes which options.
COMMAND_OPTIONS = {
    "cc": ("compiler", "detector", "cover", "opt", "heap", "locks", "schedules"),
    "run": (
        *("detector", "timeout", "wait", "evidence", "canary", "symbolize", "output"),
        *("suppressions", "tolerate", "json"),
    ),
    "gate": tuple(
        name
        for name in OPTIONS
        if name not in ("coverdir", "db", "heap", "locks", "opt", "schedules")
    ),
    "merge": ("suppressions", "tolerate", *FORMATS),
    "repro": ("runs", "results", "timeout", "json"),
}


class Settings:
    """The values in force, by option name."""

    compiler: str
    detector: str
    cover: str
    opt: str | None
    heap: str
    locks: str
    schedules: str
    flight: str | None
    profile: str | None
    coverdir: str | None
    jobs: int
    runs: int
    budget: float | None
    until_found: bool
    inputs: int
    policy: str | None
    seed: int
    shard: str | None
    results: str | None
    cluster: str | None
    ship: str | None
    pass_env: str | None
    timeout: float | None
    wait: float
    evidence: str
    canary: bool
    symbolize: str | None
    output: str
    suppressions: str | None
    tolerate: str | None
    json: str | None
    sarif: str | None
    junit: str | None
    html: str | None
    gitlab: str | None
    github: bool
    matrix: str | None
    build: str | None
    table: str | None
    build_dir: str | None
    db: str
    #: The options that somebody set, as against those that have their default.
    told: frozenset[str]

    def __init__(self, values: Mapping[str, Value], told: Iterable[str]) -> None:
        """Keep the values."""
        self.__dict__.update(values)
        self.told = frozenset(told)


def resolve(given: Mapping[str, Value]) -> Settings:
    """Return the settings in force; `given` are those of the command line."""
    told = {**_from_pyproject(), **_from_environment()}
    told |= {name: value for name, value in given.items() if value is not None}
    defaults = {option.name: option.default for option in OPTIONS.values()}
    defaults["jobs"] = len(os.sched_getaffinity(0))
    return Settings({**defaults, **told}, told)


def _from_environment() -> dict[str, Value]:
    found = {}
    for option in OPTIONS.values():
        text = os.environ.get(option.variable)
        if text:
            found[option.name] = option.parse(text, option.variable)
    return found


def _from_pyproject() -> dict[str, Value]:
    path = _nearest_pyproject()
    if path is None:
        return {}
    with open(path, "rb") as file:  # noqa: PTH123
        data = file.read()
    if b"tool.raceshim" not in data:  # most projects; tomllib takes longer than all the rest
        return {}
    import tomllib  # noqa: PLC0415

    try:
        table = tomllib.loads(data.decode()).get("tool", {}).get("raceshim", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    found = {}
    for key, value in table.items():
        option = OPTIONS.get(key.replace("-", "_"))
        if option is None:
            raise UsageError(f"{path}: [tool.raceshim] has no option {key!r}")
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        found[option.name] = option.parse(text, f"{path}: {key}")
    return found


def _nearest_pyproject() -> str | None:
    try:
        folder = os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return None
    while True:
        path = f"{folder.rstrip('/')}/pyproject.toml"
        if os.path.isfile(path):  # noqa: PTH113
            return path
        if folder in ("/", ""):
            return None
        folder = os.path.dirname(folder)  # noqa: PTH120
