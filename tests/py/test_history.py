# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim history`: every run counts once, and rates are of the runs that could have shown it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from raceshim._errors import RaceshimError, UsageError
from raceshim.history._main import main
from remembered import fingerprint, result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness_programs import Raceshim

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
Json = dict[str, Any]


class History:
    """One database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def record(self, commit: str, *results: Path, lane: str | None = None) -> None:
        lanes = ["--lane", lane] if lane else []
        words = ["record", "--db", self.url, "--commit", commit, *lanes, *map(str, results)]
        assert main(words) == 0

    def ask(self, *words: str) -> Json:
        target = self.folder / "told.json"
        assert main([*words, "--db", self.url, "--json", str(target)]) == 0
        told: Json = json.loads(target.read_text())
        return told

    def findings(self) -> dict[str, Json]:
        return {one["fingerprint"]: one for one in self.ask("list")["findings"]}


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.chdir(tmp_path)  # which is in no repository
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return History(f"sqlite:///{tmp_path}/history.db", tmp_path)


def fill(history: History) -> None:
    """Record three commits: 1 everywhere, 2 gone with the last, 3 new with it, by another lane."""
    folder = history.folder
    history.record("first", result(folder, 1, 2), result(folder, 1), result(folder))
    history.record("second", result(folder, 1, 2), result(folder, suppressed=[2]))
    history.record("third", result(folder, 1), result(folder, exit_code=4))
    history.record("third", result(folder, 3), lane="nightly")


def check(history: History) -> None:
    found = history.findings()
    assert set(found) == {fingerprint(n) for n in (1, 2, 3)}
    one, two, three = (found[fingerprint(n)] for n in (1, 2, 3))
    assert (one["first"]["name"], one["last"]["name"], one["commits"]) == ("first", "third", 3)
    # Six conclusive runs of that command; the inconclusive one counts for nothing.
    assert (one["rate"]["seen"], one["rate"]["runs"]) == (4, 6)
    assert one["is_there"]
    assert (two["first"]["name"], two["last"]["name"]) == ("first", "second")
    assert (two["rate"]["seen"], two["rate"]["runs"]) == (3, 6)
    assert not two["is_there"]
    assert (three["rate"]["seen"], three["rate"]["runs"]) == (1, 1)
    at = history.ask("show", fingerprint(1))["at"]
    assert [(a["commit"]["name"], a["rate"]["seen"], a["rate"]["runs"]) for a in at] == [
        ("first", 2, 3),
        ("second", 1, 2),
        ("third", 1, 1),
    ]
    commits = [
        (c["commit"]["name"], c["runs"], c["inconclusive"], c["findings"], c["new"], c["gone"])
        for c in history.ask("commits")["commits"]
    ]
    assert commits == [
        ("third", 2, 1, 2, 1, 1),
        ("second", 2, 0, 2, 0, 0),
        ("first", 3, 0, 2, 2, 0),
    ]


def test_first_last_and_rates_over_commits(history: History) -> None:
    fill(history)
    check(history)


def test_a_run_counts_once(history: History, capsys: pytest.CaptureFixture[str]) -> None:
    run = result(history.folder, 1)
    history.record("first", run)
    assert f"never seen before: {fingerprint(1)}" in capsys.readouterr().out
    history.record("first", run, run)
    assert "0 results of 0 runs recorded at first, 2 known already" in capsys.readouterr().out
    assert history.findings()[fingerprint(1)]["rate"]["runs"] == 1


def record_at_once(history: History) -> None:
    # The tables do not exist yet, and all have the same commit and the same finding.
    files = [result(history.folder, 1, 10 + n) for n in range(6)]
    command = [sys.executable, "-m", "raceshim", "history", "record", "--db", history.url]
    running = [
        subprocess.Popen([*command, "--commit", "same", str(file)], stdout=subprocess.DEVNULL)
        for file in files
    ]
    assert [one.wait(timeout=300) for one in running] == [0] * 6
    found = history.findings()
    assert len(found) == 7
    assert found[fingerprint(1)]["rate"]["seen"] == 6


def test_machines_that_record_at_once_lose_nothing(history: History) -> None:
    record_at_once(history)


def test_the_commit_is_the_repositorys(
    raceshim: Raceshim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    dates = {"GIT_COMMITTER_DATE": "2026-03-04T05:06:07Z", "GIT_CONFIG_GLOBAL": "/dev/null"}
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", *who, *words], env=os.environ | dates, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    run = result(tmp_path, 1)
    raceshim("history", "record", run, cwd=tmp_path, env={"RACESHIM_DB": "sqlite:///own.db"})
    assert (tmp_path / "own.db").exists()
    raceshim(
        "history",
        "commits",
        "--json",
        "c.json",
        cwd=tmp_path,
        env={"RACESHIM_DB": "sqlite:///own.db"},
    )
    (commit,) = json.loads((tmp_path / "c.json").read_text())["commits"]
    assert commit["commit"] == {"name": head.stdout.strip(), "time": "2026-03-04T05:06:07Z"}


def test_people_get_tables(history: History, capsys: pytest.CaptureFixture[str]) -> None:
    fill(history)
    capsys.readouterr()
    assert main(["list", "--db", history.url]) == 0
    told = capsys.readouterr().out
    assert "3 findings, 2 of them at the newest commit" in told
    assert "(not seen at the newest commit)" in told
    assert main(["show", fingerprint(2), "--db", history.url]) == 0
    assert f"{fingerprint(2)}  data race in f2, g2" in capsys.readouterr().out
    assert main(["commits", "--db", history.url]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "third"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["list", "--db", "sqlite:///none.db"], 2, "there is no history"),
        (["list", "--db", "nonsense"], 2, "no URL"),
        (["list", "--db", "nosuch://host/x"], 4, "nosuch"),
        (["list", "--db", "sqlite:////nowhere/at/all.db"], 4, "unable to open"),
        (["record", "--commit", "x"], 2, "nothing to record"),
        (["record", "none.json", "--commit", "x"], 4, "No such file"),
    ],
)
def test_what_goes_wrong_is_told(
    history: History, words: list[str], status: int, message: str
) -> None:
    assert history.url
    with pytest.raises(RaceshimError, match=message) as error:
        main(words)
    assert error.value.exit_code == status


def test_without_a_repository_the_commit_must_be_told(history: History) -> None:
    with pytest.raises(UsageError, match="say --commit"):
        main(["record", "--db", history.url, str(result(history.folder))])
    history.record("first", result(history.folder, 1))
    with pytest.raises(UsageError, match="no such finding"):
        history.ask("show", fingerprint(2))


def test_without_its_library_the_history_says_what_to_install() -> None:
    hidden = "import sys; sys.modules['sqlalchemy'] = None; from raceshim._cli import main; "
    command = [sys.executable, "-c", f"{hidden}sys.exit(main(['history', 'list']))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.endswith("pip install 'raceshim[history]'\n")
    assert "Traceback" not in done.stderr


def test_a_database_that_is_none_is_told(history: History) -> None:
    (history.folder / "history.db").write_text("not a database, but long enough to be read" * 40)
    with pytest.raises(RaceshimError, match="not a database") as error:
        history.record("first", result(history.folder, 1))
    assert error.value.exit_code == 4


def test_a_result_of_many_runs_counts_them_all(
    history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    many = result(history.folder, 1, 2)
    content = json.loads(many.read_text())
    content["runs"] = {"counted": 40}
    content["findings"][0]["rate"] = {"shown": 3}
    content["findings"][1]["rate"] = {"shown": 40}
    many.write_text(json.dumps(content))
    history.record("first", many, result(history.folder, 1))
    assert "2 results of 41 runs recorded at first" in capsys.readouterr().out
    found = history.findings()
    rates = [found[fingerprint(n)]["rate"] for n in (1, 2)]
    assert [(rate["seen"], rate["runs"]) for rate in rates] == [(4, 41), (40, 41)]
    assert (round(rates[0]["low"], 3), round(rates[0]["high"], 3)) == (0.039, 0.225)


@pytest.fixture
def server() -> Iterator[str]:
    """Run a PostgreSQL of the test's own, which no network sees; it refuses to run as root.

    Its folder is none of pytest's, which any other pytest closes to other users when it starts.
    """
    pytest.importorskip("psycopg")
    if not POSTGRES:
        pytest.skip("no PostgreSQL is installed")
    with tempfile.TemporaryDirectory(prefix="raceshim-postgres-") as place:
        yield from started(Path(place))


def started(folder: Path) -> Iterator[str]:
    """Run it in a folder."""
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    tools = POSTGRES[-1].parent
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [*user, tools / "initdb", "-D", data, "-A", "trust", "-U", "history", "--no-sync"],
        check=True, **quiet,
    )  # fmt: skip
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control = [*user, tools / "pg_ctl", "-D", data, "-w", "-t", "300"]
    subprocess.run([*control, "-o", options, "-l", data / "log", "start"], check=True, **quiet)
    try:
        yield f"postgresql+psycopg://history@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)


@pytest.mark.long
def test_postgresql_says_the_same(history: History, server: str) -> None:
    there = History(server, history.folder)
    fill(there)
    check(there)
    engine = sqlalchemy.create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA empty")
    engine.dispose()
    record_at_once(History(f"{server}&options=-csearch_path%3Dempty", history.folder))
