# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim bisect`: wrong as often as it says, and no more often."""

from __future__ import annotations

import json
import math
import random
import shlex
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from bisected import Asked, Drawn, bisect, git, history
from hypothesis import given
from hypothesis import strategies as st
from raceshim._errors import UsageError
from raceshim.bisect import _rate
from raceshim.bisect._odds import Known, Measured, Odds, expected
from raceshim.bisect._target import target
from raceshim.finding._merge import merge
from raceshim.formats._lines import Result, Setting
from raceshim.history._main import main as history_main
from raceshim.report._model import Access, Frame, Report, Stack
from raceshim.runs._plan import Task
from raceshim.runs._rates import missed
from remembered import fingerprint, result

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

COMMITS = 64
SIMULATED = 400


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> tuple[Asked, list[str]]:
    """Return a repository of 64 commits in a row."""
    folder = tmp_path_factory.mktemp("line") / "repository"
    names = history(folder, [{"n": str(n)} for n in range(COMMITS)])
    return Asked(folder), names


RATES = st.one_of(
    st.floats(0.001, 1).map(Known),
    st.integers(1, 60).flatmap(
        lambda shown: st.integers(shown, 9000).map(lambda runs: Measured(shown, runs))
    ),
)


@given(st.floats(1e-6, 0.5), RATES, st.integers(1, 30), st.integers(1, 8))
def test_all_shares_together_are_the_error(
    error: float, rate: Known | Measured, count: int, round_: int
) -> None:
    odds = Odds(error, rate, count, round_)
    spent, before = 0.0, 0
    for place in range(count + 20):  # more commits than were expected
        spent += odds.share(place)
        runs = odds.runs(place)
        assert runs % round_ == 0
        assert runs >= before
        before = runs
        # Enough, and as few rounds as will do.
        for n in (runs, runs - round_):
            if isinstance(rate, Known):
                wrong = missed(rate.rate, n)
            else:
                wrong = (rate.runs / (rate.runs + n)) ** rate.shown
            if n == runs:
                assert wrong <= odds.share(place) * (1 + 1e-6)
            elif n:
                assert wrong > odds.share(place) * (1 - 1e-6)
    assert spent <= error * (1 + 1e-9)


def test_so_many_commits_are_expected_as_halvings_need() -> None:
    assert [expected(1, between) for between in (1, 2, 3, 4, 5, 64, 65, 1000)] == [
        *(1, 2, 3, 3, 4, 7, 8, 11)
    ]


@pytest.mark.parametrize("fixed", [False, True], ids=["until-shown", "fixed-runs"])
@pytest.mark.parametrize(("rate", "least"), [(0.01, 0.15), (0.1, 0.1), (0.5, 0), (1.0, 0)])
def test_silence_after_a_measurement_is_wrong_as_seldom_as_it_says(
    rate: float, least: float, fixed: bool
) -> None:
    drawn = Drawn({}, random.Random(5))  # noqa: S311 - the same each time
    wrong = 0
    for _ in range(4000):
        if fixed:
            runs, shown, at = 600, 0, drawn.until_shown(rate)
            while at <= runs:
                shown, at = shown + 1, at + drawn.until_shown(rate)
        else:
            runs, shown = sum(int(drawn.until_shown(rate)) for _ in range(8)), 8
        if shown:
            wrong += drawn.until_shown(rate) > math.ceil(Measured(shown, runs).silent(0.2))
    deviation = math.sqrt(0.2 * 0.8 / 4000)
    assert wrong / 4000 <= 0.2 + 4 * deviation
    # Of rare things nor far more careful than it says; of fixed runs it is.
    assert wrong / 4000 >= (0 if fixed else least)


@pytest.mark.parametrize("worst", [False, True], ids=["anywhere", "worst"])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.4, 0.9, 1.0])
def test_a_flaky_race_is_bisected_to_its_commit_with_the_stated_confidence(
    line: tuple[Asked, list[str]], tmp_path: Path, rate: float, worst: bool
) -> None:
    asked, names = line
    chance = random.Random(11)  # noqa: S311 - the same each time
    wrong = 0
    for _ in range(SIMULATED):
        # At worst all that are tested are bad, and each may be silent.
        planted = 1 if worst else chance.randrange(1, COMMITS)
        drawn = Drawn(dict.fromkeys(names[planted:], rate), chance)
        done = bisect(asked, drawn, names[0], names[-1], tmp_path / "state", error=0.1)
        assert done.found is not None
        wrong += done.found.first != names[planted]
        # A verdict may be wrong on one side only: what was shown is there.
        assert done.found.first in names[planted:]
    assert wrong / SIMULATED <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / SIMULATED)
    if rate == 0.01:
        assert wrong > 0  # nor does it take far more runs than it needs


def predicted(
    line: tuple[Asked, list[str]], planted: int, told: Known, rate: float, path: Path
) -> float:
    """Return how often the answer must be wrong: one bad commit that is silent is enough."""
    asked, names = line
    sure = Drawn(dict.fromkeys(names[planted:], 1.0), random.Random(1))  # noqa: S311
    done = bisect(asked, sure, names[0], names[-1], path, error=0.1, told=told)
    assert done.found is not None
    assert done.found.first == names[planted]
    return 1 - math.prod(1 - missed(rate, runs) for runs in sure.bad)


@pytest.mark.parametrize("times", [1.0, 6.0], ids=["enough-runs", "too-few-runs"])
def test_it_is_wrong_as_often_as_predicted(
    line: tuple[Asked, list[str]], tmp_path: Path, times: float
) -> None:
    """The control of the test above: with a rate that is told too high, runs are too few."""
    asked, names = line
    rate, path = 0.1, tmp_path / "state"
    told = Known(rate * times)
    chance = random.Random(3)  # noqa: S311 - the same each time
    wrong, unseen, among, variance = 0, 0, 0.0, 0.0
    for n in range(4 * SIMULATED):
        planted = 1 + n % (COMMITS - 1)
        drawn = Drawn(dict.fromkeys(names[planted:], rate), chance)
        done = bisect(asked, drawn, names[0], names[-1], path, error=0.1, told=told)
        if done.found is None:  # not shown at the bad end, in the few runs that it got
            unseen += 1
            continue
        wrong += done.found.first != names[planted]
        how = predicted(line, planted, told, rate, path)
        among, variance = among + how, variance + how * (1 - how)
    assert abs(wrong - among) <= 4 * math.sqrt(variance)
    if times == 1:
        assert unseen <= 10
        assert among / (4 * SIMULATED) <= 0.1
        assert wrong > 0  # nor is it silently far more careful
    else:
        assert wrong > 0.2 * 4 * SIMULATED


def test_merged_branches_and_what_cannot_be_tested(tmp_path: Path) -> None:
    chance = random.Random(2)  # noqa: S311 - the same each time
    parents: dict[int, list[int]] = {0: []}
    for number in range(1, 30):
        before = [number - 1]
        if number > 2 and chance.random() < 0.4:  # a branch that began earlier is merged
            before = [number - 1, chance.randrange(number - 1)]
        elif number > 1 and chance.random() < 0.3:  # one begins
            before = [chance.randrange(number)]
        parents[number] = before
    folder = tmp_path / "repository"
    names = history(folder, [{"n": str(n)} for n in range(30)], lambda n: parents[n])
    asked = Asked(folder)
    number_of = {name: number for number, name in enumerate(names)}
    within = [number_of[one] for one in asked.between(names[-1], frozenset([names[0]]))]
    assert any(len(parents[number]) > 1 for number in within)
    told, path = Known(1.0), tmp_path / "state"
    undecided = 0
    for planted in within:
        bad = {planted}
        for number in range(planted + 1, 30):
            if bad & set(parents[number]):
                bad.add(number)
        rates = {names[number]: 1.0 for number in bad}
        drawn = Drawn(rates, chance)
        done = bisect(asked, drawn, names[0], names[-1], path, error=0.01, told=told)
        assert done.found is not None
        assert done.found.first == names[planted]
        untestable = frozenset(
            names[n] for n in chance.sample(range(1, 29), 8) if names[n] != names[-1]
        )
        drawn = Drawn(rates, chance, untestable=untestable)
        done = bisect(asked, drawn, names[0], names[-1], path, error=0.01, told=told)
        assert done.found is not None
        if done.found.first is None:
            undecided += 1
            assert names[planted] in done.found.left
            # All but the last of them could not be tested.
            assert set(done.found.left[:-1]) <= untestable
        else:
            assert done.found.first == names[planted]
    assert 0 < undecided < len(within)


def test_a_good_end_that_is_bad_ends_it(line: tuple[Asked, list[str]], tmp_path: Path) -> None:
    asked, names = line
    drawn = Drawn(dict.fromkeys(names, 0.5), random.Random(1))  # noqa: S311
    done = bisect(asked, drawn, names[5], names[-1], tmp_path / "state", error=0.01)
    assert done.found is not None
    assert (done.found.first, done.found.bad_end) == (None, names[5])
    assert len(drawn.bad) == 1
    assert "the race is older" in done.stream.getvalue()  # type: ignore[attr-defined]


def test_a_rate_that_is_lower_at_older_commits_is_told(
    line: tuple[Asked, list[str]], tmp_path: Path
) -> None:
    asked, names = line
    chance = random.Random(4)  # noqa: S311 - the same each time
    told = {True: 0, False: 0}
    for lower in told:
        for _ in range(100):
            rates = dict.fromkeys(names[2:], 0.02 if lower else 0.5) | {names[-1]: 0.5}
            drawn = Drawn(rates, chance)
            done = bisect(asked, drawn, names[0], names[-1], tmp_path / "state", error=1e-9)
            told[lower] += any("larger than stated" in note for note in done.notes)
    assert told[False] == 0
    assert told[True] > 50


@pytest.mark.parametrize("text", ["0", "1.5", "-1", "0/20", "3/2", "nowhere.json"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"rate|No such file"):
        _rate.read(text, "v1-0", "bad", "sqlite:///nowhere.db")


def test_rates_that_are_told() -> None:
    assert _rate.read("0.25", "v1-0", "bad", "") == Known(0.25)
    assert _rate.read("3/200", "v1-0", "bad", "") == Measured(3, 200)


@pytest.mark.parametrize("text", ["data race", "data race in ", "clean", "v2"])
def test_what_is_no_finding_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"neither a fingerprint|names no"):
        target(text)


def race(functions: tuple[str, str], file: str = "/src/a.c", kind: str = "data race") -> Report:
    stacks = tuple(
        Stack(
            label="",
            role=role,
            frames=(Frame(name, file, 1, 0, None, None),),
            access=Access("write", atomic=False, size=4, address=8, thread="T1", mutexes=()),
            restored=True,
        )
        for name, role in zip(functions, ("access", "previous"), strict=True)
    )
    return Report("ThreadSanitizer", kind, 1, stacks, None, None, complete=True, text="")


def shown(*reports: Report) -> Result:
    setting = Setting(("x",), "/src", "/src", "thread", "")
    return Result(
        setting,
        Task(0, "none", 1, 1),
        0,
        timed_out=False,
        seconds=0.1,
        cpu=None,
        reports=tuple(("x", report) for report in reports),
    )


def test_a_finding_is_known_again_where_its_file_was_renamed() -> None:
    name = merge((race(("post", "collect")),), roots=("/src",))[0].fingerprint
    wanted = target(name)
    moved = shown(race(("collect", "post"), "/src/b.c"))
    assert not wanted.look(moved).found  # nothing is known yet but the name
    assert list(wanted.others.values()) == ["data race in collect / post"]
    assert wanted.look(shown(race(("collect", "post")))).found
    assert wanted.title == "data race in collect / post"
    for again in (wanted, target(name)):
        again.recall(wanted.document())
        seen = again.look(moved)
        assert seen.found
        assert seen.moved not in (None, name)
        # One function alone is told, and not counted; another kind of finding is nothing.
        seen = again.look(shown(race(("post", "elsewhere"))))
        assert (seen.found, len(seen.similar)) == (False, 1)
        leak = race(("post", "collect"), kind="thread leak")
        assert again.look(shown(leak)).similar == ()
        assert not again.look(shown()).found


def test_a_finding_is_known_by_kind_and_functions() -> None:
    wanted = target("data race in post, collect")
    assert wanted.look(shown(race(("x", "y")), race(("collect", "post"), "/b.c"))).found
    assert not wanted.look(shown(race(("post", "post")))).found


PROGRAM = """\
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#define UNSEEN __attribute__((noinline, disable_sanitizer_instrumentation))
static volatile int turn;
UNSEEN static void pass_turn(void) { turn = 1; }
UNSEEN static void await_turn(void) { while (!turn) syscall(SYS_sched_yield); }
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int shared;
void *post(void *arg)
{
	pthread_mutex_lock(&lock);
	shared++;
	pthread_mutex_unlock(&lock);
	pass_turn();
	return arg;
}
void collect(int locked)
{
	if (locked) pthread_mutex_lock(&lock);
	shared++;
	if (locked) pthread_mutex_unlock(&lock);
}
int main(void)
{
	pthread_t thread;
	int seed = atoi(getenv("RACESHIM_SCHEDULE_SEED"));
	if (FAILS) return 1;
	pthread_create(&thread, 0, post, 0);
	await_turn();
	collect(!(RACY && seed % 2 == 0));
	pthread_join(thread, 0);
	return 0;
}
"""
#: Of which commit it is so from then on, or alone.
RACY, RENAMED, BROKEN, FAILS = 6, 9, 3, 4


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, list[str]]:
    """Return 13 commits of a program whose race half of the runs show."""
    folder = tmp_path / "with space" / "repository"
    folder.parent.mkdir()
    files = []
    for number in range(13):
        text = PROGRAM.replace("RACY", str(int(number >= RACY)))
        text = text.replace("FAILS", str(int(number == FAILS)))
        name = "sub/mail.c" if number >= RENAMED else "sub/post.c"
        files.append({name: "#error\n" if number == BROKEN else text, "n": str(number)})
    return folder, history(folder, files)


def test_a_real_race_is_bisected_through_interrupts_renames_and_broken_commits(
    raceshim: Raceshim, repository: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, names = repository
    # The finding is named as the gate has named it, in the user's own work tree.
    gated = tmp_path / "race.json"
    seed = {"RACESHIM_SCHEDULE_SEED": "2"}
    raceshim("cc", "-g", "-O1", "-pthread", "mail.c", "-o", tmp_path / "prog", cwd=folder / "sub")
    raceshim(
        "gate", "--json", gated, "--", tmp_path / "prog", cwd=folder / "sub", env=seed, status=1
    )
    (finding,) = json.loads(gated.read_text())["findings"]
    (folder / "sub" / "mail.c").write_text("what the user is at\n")
    before = git(folder, "status", "--porcelain"), (folder / ".git" / "HEAD").read_text()
    log = tmp_path / "log"
    state = tmp_path / "state"
    environ = {"XDG_STATE_HOME": str(state), "RACESHIM_POLICY": "none"}
    compile_ = shlex.join(raceshim.line("cc", "-g", "-O1", "-pthread"))
    line = (
        *("bisect", finding["fingerprint"], "--good", names[0], "--error", "10%"),
        *("--build", f"{compile_} *.c -o prog", "--json", tmp_path / "told.json"),
        *("--", "sh", "-c", f"echo $RACESHIM_COMMIT >>'{log}'; exec ./prog"),
    )
    with subprocess.Popen(
        raceshim.line(*line),
        cwd=folder / "sub",
        env=raceshim.environ | environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        told = next(text for text in running.stdout if text.startswith(("  good", "  bad")))
        while log.read_text().split()[-1] in (names[0], names[-1]):  # the second one has begun
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        running.stdout.read()
        assert running.wait(timeout=60) == 130
    assert told.split()[:4] == ["good", "0", "of", told.split()[3]]
    done_before = len(log.read_text().splitlines())
    assert git(folder, "worktree", "list").count("\n") == 0
    done = raceshim(*line, cwd=folder / "sub", env=environ)
    assert "going on where this was interrupted" in done.stdout
    ran = log.read_text().split()[done_before:]
    assert ran
    assert not {names[0], names[-1], names[BROKEN]} & set(ran)
    assert f"came with {names[RACY][:12]}" in done.stdout
    assert "wrong with p < 10 %" in done.stdout
    content = json.loads((tmp_path / "told.json").read_text())
    assert content["first_bad"] == {
        "name": names[RACY],
        "date": "2023-11-14",
        "author": "Ada",
        "subject": f"change {RACY}",
    }
    assert content["bad_end"]["shown"] == 16
    assert content["rate"] == {"shown": 16, "runs": content["bad_end"]["runs"]}
    verdicts = {one["commit"]: one["verdict"] for one in content["tested"]}
    assert verdicts[names[RACY]] == "bad"
    # Before the file was renamed, the race had another fingerprint.
    moved = {one["commit"]: one["moved"] for one in content["tested"]}
    assert moved[names[RACY]] not in {None, finding["fingerprint"]}
    assert f"as {moved[names[RACY]]}: the same functions, elsewhere" in done.stdout
    assert verdicts[names[RACY - 1]] == "good"
    assert all(
        verdict in ("skipped", "bad" if names.index(name) >= RACY else "good")
        for name, verdict in verdicts.items()
    )
    needed = {one["needed"] for one in content["tested"] if one["verdict"] == "good"}
    assert {one["runs"] for one in content["tested"] if one["verdict"] == "good"} == needed
    assert (git(folder, "status", "--porcelain"), (folder / ".git" / "HEAD").read_text()) == before
    assert git(folder, "worktree", "list").count("\n") == 0
    assert list((state / "raceshim" / "bisect").iterdir()) == []


def test_what_cannot_be_tested_is_told(
    raceshim: Raceshim, repository: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, names = repository
    environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "RACESHIM_POLICY": "none"}
    compile_ = shlex.join(raceshim.line("cc", "-g", "-O1", "-pthread"))
    build = ("--build", f"{compile_} *.c -o prog")
    program = ("--", "./prog")

    def ask(*words: str | Path, status: int) -> subprocess.CompletedProcess[str]:
        # With the rate that is told two runs are enough, and one of two shows it.
        line = ("bisect", "data race in post, collect", "--rate", "0.9", "--error", "0.1", *words)
        return raceshim(*line, cwd=folder / "sub", env=environ, status=status)

    lone = ("--good", names[BROKEN - 1], "--bad", names[RACY])
    done = ask(*lone, *build, *program, status=0)
    assert "skipped  5 runs inconclusive" in done.stdout
    assert "the command failed (exit status 1)" in done.stdout
    # The race is older than the good end.
    done = ask("--good", names[RACY + 1], *build, *program, status=4)
    assert f"{names[RACY + 1][:12]} shows it too" in done.stdout
    # The bad end does not show it, does not build, does not run.
    clean = ("--good", names[0], "--bad", names[2])
    assert "0 of 3 runs" in ask(*clean, *build, *program, status=4).stdout
    broken = ("--good", names[0], "--bad", names[BROKEN])
    assert "does not build" in ask(*broken, *build, *program, status=3).stderr
    assert "cannot run ./prog" in ask(*broken, *program, status=4).stdout
    failing = ("--good", names[0], "--bad", names[FAILS])
    assert (
        "were inconclusive: the command failed" in ask(*failing, *build, *program, status=4).stdout
    )
    # A policy that has two turns of four has two runs of four.
    ends = ("--policy", "mixed", "--good", names[RACY - 1], "--bad", names[RACY + 1])
    done = ask(*ends, *build, *program, status=0)
    assert f"came with {names[RACY][:12]}" in done.stdout
    assert "0 of 4 runs" in done.stdout
    # What is asked for in another way.
    same = ("--good", names[-1], *program)
    assert "no commit between" in ask(*same, status=2).stderr
    assert "no such commit" in ask("--good", "nowhere", *program, status=2).stderr
    assert "--good" in ask(*program, status=2).stderr
    assert "behind --" in ask("--good", names[0], status=2).stderr
    done = raceshim("bisect", "v1-0", "--good", "x", "--", "true", cwd=tmp_path, status=2)
    assert "git repository" in done.stderr
    assert git(folder, "worktree", "list").count("\n") == 0


def test_a_rate_is_taken_from_the_history_or_from_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    db = f"sqlite:///{tmp_path}/history.db"
    file = result(tmp_path, 1)
    content = json.loads(file.read_text())
    content["runs"] = {"counted": 200}
    content["findings"][0]["rate"] = {"shown": 3}
    file.write_text(json.dumps(content))
    assert _rate.read(str(file), fingerprint(1), "bad", db) == Measured(3, 200)
    with pytest.raises(UsageError, match="knows nothing of"):
        _rate.read(str(file), fingerprint(2), "bad", db)
    record = ["record", "--db", db, "--commit"]
    assert history_main([*record, "bad", str(file), str(result(tmp_path))]) == 0
    assert history_main([*record, "other", str(result(tmp_path, 1))]) == 0
    # Of that commit alone.
    assert _rate.read("history", fingerprint(1), "bad", db) == Measured(3, 201)
    with pytest.raises(UsageError, match="no runs of another"):
        _rate.read("history", fingerprint(1), "another", db)
