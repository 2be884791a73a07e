# SPDX-License-Identifier: BSD-2-Clause
"""Schedules made unlikely: which events are met, what is decided, and that nothing else changes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from harness_programs import COMPILERS
from raceshim.cc import _prefix
from raceshim.evidence._instrumented import examine
from raceshim.runs._plan import Plan
from raceshim.runs._policies import TURNS, Bandit, adapted, policies_of

if TYPE_CHECKING:
    from harness_programs import Programs, Raceshim

ROOT = Path(__file__).parents[2]
SHIM = ROOT / "shim" / "src"
SOURCES = ROOT / "tests" / "c" / "perturb"
#: Events that take, give, and make, of each of the sets of functions in events.c.
EVENTS = {
    "mutex": (3, 2, 0),
    "rwlock": (2, 2, 0),
    "spin": (1, 1, 0),
    "cond": (2, 3, 0),
    "barrier": (1, 0, 0),
    "sem": (1, 1, 0),
    "thread": (1, 0, 1),
}
Decide = Callable[..., list[str]]
ALL = pytest.mark.parametrize("compiler", COMPILERS)


def build(compiler: str, target: Path, *words: str | Path) -> Path:
    subprocess.run([compiler, "-Wall", "-Werror", "-O2", *words, "-o", target], check=True)
    return target


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the hooks with a counter in place of the policies."""
    exports = SHIM / "perturb" / f"exports_{os.uname().machine}.map"
    if not exports.exists():
        exports = SHIM / "perturb" / "exports_generic.map"
    return build(
        "clang-19",
        tmp_path_factory.mktemp("counter") / "libcount.so",
        *("-fPIC", "-shared", "-ffreestanding", "-fno-builtin", f"-I{SHIM}"),
        *(SHIM / "perturb" / "preloaded.c", SOURCES / "count.c"),
        f"-Wl,--version-script={exports}",
    )


@pytest.fixture(scope="module")
def decide(tmp_path_factory: pytest.TempPathFactory) -> Decide:
    """Return a function that tells what the library would do."""
    program = build(
        "clang-19",
        tmp_path_factory.mktemp("decide") / "decisions",
        *(f"-I{SOURCES}", f"-I{SHIM}"),
        *(SOURCES / "decisions.c", SHIM / "perturb" / "perturb.c", SHIM / "perturb" / "turns.c"),
    )

    def decisions(wish: str, events: int = 300) -> list[str]:
        line = [program, f"RACESHIM_PERTURB={wish}", str(events)]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout.splitlines()

    return decisions


@ALL
def test_every_event_is_met_behind_a_runtime_and_in_front_of_one(
    counter: Path, tmp_path: Path, compiler: str
) -> None:
    program = build(
        compiler, tmp_path / "events", "-fsanitize=thread", "-pthread", SOURCES / "events.c"
    )

    def met(what: str) -> list[int]:
        done = subprocess.run(
            [program, what],
            env={**os.environ, "LD_PRELOAD": str(counter), "TSAN_OPTIONS": "atexit_sleep_ms=0"},
            check=True,
            capture_output=True,
            text=True,
        )
        return [int(word) for word in done.stderr.split("events ")[1].split()]

    none = met("nothing")  # the runtime's own
    for what, (takes, gives, makes) in EVENTS.items():
        taken, given, made = (n - m for n, m in zip(met(what), none, strict=True))
        assert (taken, given) == (takes, gives), what
        assert makes <= made <= 2 * makes, what  # the runtime makes one of its own with the first


def test_a_seed_decides_everything(decide: Decide) -> None:
    for policy in ("noise", "pct"):
        assert decide(f"{policy}:5") == decide(f"{policy}:5")
        assert len({tuple(decide(f"{policy}:{seed}")) for seed in range(20)}) == 20
    quiet = decide("nonsense:5")
    assert set(quiet) == {"takes", "gives", "makes", "begins"}
    assert decide("noise:5", 0).count("begins") == 2


def test_noise_is_of_every_sort_and_gets_rare(decide: Decide) -> None:
    told = [line.split()[0] for seed in range(30) for line in decide(f"noise:{seed}", 64)]
    assert {"sleep", "yield", "move", "nice"} <= set(told)
    names = {"takes", "gives", "makes", "begins"}
    early, late = (
        sum(line not in names for line in decide("noise:7", events)) for events in (64, 4096)
    )
    assert early < late < 12 * early  # and not 64 times as much
    words = [line.split() for seed in range(30) for line in decide(f"noise:{seed}")]
    assert max(int(word[1]) for word in words if word[0] == "sleep") < 5000
    masks = {word[1] for word in words if word[0] == "move"}
    assert masks == {"0x1", "0x2", "0x8", "0xb"}  # those that the process has, or all of them


def test_pct_changes_priorities_a_few_times(decide: Decide) -> None:
    told = [decide(f"pct:{seed}", 600) for seed in range(30)]
    counts = [Counter(line.split()[0] for line in lines) for lines in told]
    assert all(count["sleep"] <= 3 * 5 for count in counts)
    assert sum(count["sleep"] for count in counts) > 60
    assert all(count["nice"] >= 4 for count in counts)  # of each thread that was made
    assert not any(count["move"] or count["yield"] for count in counts)


def test_policies_are_a_list() -> None:
    assert policies_of("none") == ("none",)
    assert policies_of("mixed") == policies_of("auto") == TURNS
    assert policies_of("pct,none,pct") == ("pct", "none", "pct")  # as it was written
    assert policies_of("mixed,pin") == (*TURNS, "pin")
    with pytest.raises(ValueError, match="'fast' is no policy"):
        policies_of("none,fast")


def spent(rates: dict[str, float], runs: int) -> Counter[str]:
    """Return what a bandit spends where a policy shows one thing in every 1/rate-th of its runs."""
    bandit, had, found = Bandit(TURNS), Counter[str](), Counter[str]()
    for task in adapted(Plan(runs), bandit):
        had[task.policy] += 1
        if had[task.policy] * rates.get(task.policy, 0) >= found[task.policy] + 1:
            found[task.policy] += 1
            bandit.learn(task.policy, [f"{task.policy} {found[task.policy]}"])
        else:
            bandit.learn(task.policy, [])
    return had


def test_a_bandit_spends_where_findings_come_from() -> None:
    assert spent({"pct": 0.5}, 200)["pct"] > 100
    assert spent({"noise": 0.5}, 200)["noise"] > 100
    even = spent({}, 200)
    assert min(even.values()) >= 40  # nobody knows better
    assert min(spent({"pct": 0.5}, 200).values()) >= 5  # none is given up
    assert spent({"noise": 0.1}, 50) == spent({"noise": 0.1}, 50)


def result_of(raceshim: Raceshim, folder: Path, *words: str | Path, status: int) -> dict[str, Any]:
    result = folder / "gate.json"
    raceshim("gate", "--json", result, *words, status=status)
    found: dict[str, Any] = json.loads(result.read_text())
    return found


@ALL
def test_policies_report_nothing_of_clean_programs(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    for body in ("plain", "child", "forked_thread", "stacks"):
        program = programs(body, compiler=compiler)
        words = ("--runs", "8", "--policy", "mixed", "--", program)
        result = result_of(raceshim, tmp_path, *words, status=0)
        assert result["runs"]["policies"] == {"none": 2, "noise": 2, "pct": 4}


@ALL
def test_policies_hide_no_race_and_leave_no_mark_in_it(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    words = (
        "--runs",
        "12",
        "--policy",
        "mixed",
        "--",
        programs("plain", race=True, compiler=compiler),
    )
    result = result_of(raceshim, tmp_path, *words, status=1)
    (finding,) = result["findings"]
    # An edge that a policy made would hide this one, which every run shows.
    shown = {name: share["shown"] for name, share in finding["rate"]["by_policy"].items()}
    assert shown == {"none": 3, "noise": 3, "pct": 6}
    lines = tmp_path / "lines"
    raceshim("gate", "--results", lines, *words, status=1)
    for line in lines.read_text().splitlines():
        run = json.loads(line)
        (report,) = run["reports"]
        frames = [frame for stack in report["stacks"] for frame in stack["frames"]]
        assert not any("perturb" in (frame["module"] or "") for frame in frames)
        made = next(stack for stack in report["stacks"] if stack["role"] == "thread")
        names = [frame["function"] for frame in made["frames"]]
        assert "two_threads" in names, run["task"]


def test_a_policy_is_what_the_command_gets(raceshim: Raceshim, tmp_path: Path) -> None:
    script = tmp_path / "tell.sh"
    out = tmp_path / "out"
    words = "$RACESHIM_RUN ${RACESHIM_PERTURB:-quiet} $(nproc) ${LD_PRELOAD:+library}"
    script.write_text(f'echo "{words}" >> {out}\n')
    raceshim("gate", "--runs", "4", "--seed", "7", "--", "sh", script, status=4)
    every = str(len(os.sched_getaffinity(0)))
    assert [line.split() for line in out.read_text().splitlines()] == [
        ["0", "quiet", every],
        ["1", "pct:7", "1", "library"],
        ["2", "noise:7", every, "library"],
        ["3", "pct:8", "1", "library"],
    ]
    out.unlink()
    raceshim("gate", "--runs", "2", "--policy", "pin", "--", "sh", script, status=4)
    assert out.read_text().splitlines() == ["0 quiet 1 ", "1 quiet 1 "]
    out.unlink()
    raceshim("gate", "--policy", "pct", "--seed", "3", "--", "sh", script, status=4)
    assert out.read_text().splitlines() == ["0 pct:3 1 library"]
    for runs in ((), ("--runs", "2")):
        words = ("gate", *runs, "--policy", "loud", "--", "true")
        assert "'loud' is no policy" in raceshim(*words, status=2).stderr


#: It prints the options that it was given, and may have one more in it, as a newer runtime has.
TELLS = """\
#include <stdio.h>
#include <stdlib.h>
#ifdef NEWER
__attribute__((used)) static const char option[] = "enable_adaptive_delay";
#endif
int main(int argc, char **argv)
{
    FILE *file = fopen(argv[argc - 1], "a");
    return fprintf(file, "%s\\n", getenv("TSAN_OPTIONS")) < 0 || fclose(file);
}
"""


@ALL
def test_what_a_runtime_can_do_is_what_it_says_itself(tmp_path: Path, compiler: str) -> None:
    source = tmp_path / "tells.c"
    source.write_text(TELLS)
    program = build(compiler, tmp_path / "tells", "-fsanitize=thread", source)
    told = subprocess.run(
        [program, "/dev/null"],
        env={**os.environ, "TSAN_OPTIONS": "help=1"},
        capture_output=True,
        text=True,
        check=True,
    )
    options = told.stdout + told.stderr
    assert "history_size" in options
    known = examine(str(program))
    assert known is not None
    # The runtime of gcc is a library: which one, the loader says.
    expected = None if compiler.startswith("gcc") else "enable_adaptive_delay" in options
    assert known.delays == expected


@pytest.mark.parametrize(
    ("newer", "shell", "own", "asked"),
    [
        (False, False, "", ""),
        (True, False, "", "1"),
        (False, True, "", "1"),
        (True, False, "0", "10"),  # the last one holds
    ],
    ids=["older", "newer", "nobody-knows", "unwanted"],
)
def test_a_runtime_that_can_delay_threads_itself_is_asked_to(  # noqa: PLR0917 - a case
    raceshim: Raceshim, tmp_path: Path, newer: bool, shell: bool, own: str, asked: str
) -> None:
    source, out = tmp_path / "tells.c", tmp_path / "out"
    source.write_text(TELLS)
    flags = ("-fsanitize=thread", *(["-DNEWER"] if newer else []))
    program = build("clang-19", tmp_path / "tells", *flags, source)
    command = ("sh", "-c", f"exec {program} {out}") if shell else (program, out)
    words = ("gate", "--policy", "none,pin,noise,pct", "--runs", "4", "--", *command)
    options = {"TSAN_OPTIONS": f"enable_adaptive_delay={own}" if own else ""}
    raceshim(*words, status=4, env=options)  # it has one thread only
    found = [
        "".join(re.findall(r"enable_adaptive_delay=(\d)", line))
        for line in out.read_text().splitlines()
    ]
    assert found == [own, own, asked, asked]


def test_the_policy_that_shows_a_finding_is_the_one_to_repeat(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    racy, clean = programs("plain", race=True), programs("plain")
    line = f'case "$RACESHIM_PERTURB" in pct:*) exec {racy};; *) exec {clean};; esac'
    words = ("--runs", "16", "--policy", "auto", "--", "sh", "-c", line)
    result = result_of(raceshim, tmp_path, *words, status=1)
    (finding,) = result["findings"]
    rate = finding["rate"]
    assert [name for name, share in rate["by_policy"].items() if share["shown"]] == ["pct"]
    assert rate["best"]["policy"] == "pct"
    assert rate["by_policy"]["pct"]["runs"] > 16 / 4
    done = raceshim("repro", finding["fingerprint"], status=1)
    assert "shown again, by run 1" in done.stdout


def test_the_library_is_quiet_without_a_detector_or_a_wish(tmp_path: Path) -> None:
    plain = build("clang-19", tmp_path / "plain", "-pthread", SOURCES / "events.c")
    checked = build(
        "clang-19", tmp_path / "checked", "-fsanitize=thread", "-pthread", SOURCES / "events.c"
    )

    def affinities(program: Path, **env: str) -> str:
        done = subprocess.run(
            ["ldd", program], check=True, capture_output=True, text=True
        )  # it can be loaded at all
        assert "libc.so" in done.stdout
        ran = subprocess.run(
            [program, "thread"],
            env={**os.environ, "LD_PRELOAD": _prefix.perturb(), **env},
            check=True,
            capture_output=True,
            text=True,
        )
        return ran.stdout + ran.stderr

    assert affinities(plain, RACESHIM_PERTURB="noise:1") == ""
    assert affinities(checked) == ""
    assert affinities(checked, RACESHIM_PERTURB="noise:1") == ""
