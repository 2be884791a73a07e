# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim baseline`: new findings shut the gate, known ones do not, and dates are kept."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from raceshim._errors import RaceshimError, ToolError, UsageError
from raceshim.history._baseline_main import main
from remembered import fingerprint, result

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Programs, Raceshim


def baseline(*words: str | Path, status: int = 0) -> None:
    assert main([str(word) for word in words]) == status


def check(folder: Path, *results: Path, status: int) -> dict[str, Any]:
    told = folder / "told.json"
    baseline("check", folder / "baseline.json", *results, "--json", told, status=status)
    found: dict[str, Any] = json.loads(told.read_text())
    assert found["exit_code"] == status
    return found


def names(entries: list[dict[str, str]]) -> list[str]:
    return [one["fingerprint"] for one in entries]


def test_new_fixed_and_unchanged_are_told_apart(tmp_path: Path) -> None:
    baseline("write", tmp_path / "baseline.json", result(tmp_path, 1, 2, 3))
    found = check(tmp_path, result(tmp_path, 2, 3), result(tmp_path, 3, 4), status=1)
    assert names(found["new"]) == [fingerprint(4)]
    assert names(found["fixed"]) == [fingerprint(1)]
    assert names(found["unchanged"]) == [fingerprint(2), fingerprint(3)]
    assert found["expired"] == []
    found = check(tmp_path, result(tmp_path, 1, 2, 3), status=0)
    assert found["new"] == found["fixed"] == []


def test_a_suppressed_finding_is_not_new_and_not_fixed(tmp_path: Path) -> None:
    baseline("write", tmp_path / "baseline.json", result(tmp_path, 1))
    found = check(tmp_path, result(tmp_path, suppressed=[1, 2]), status=0)
    assert names(found["unchanged"]) == [fingerprint(1)]
    assert found["new"] == found["fixed"] == []


def test_the_day_after_its_last_one_a_finding_is_expired(tmp_path: Path) -> None:
    today = date.today()  # noqa: DTZ011 - as the command sees it
    run = result(tmp_path, 1)
    file = tmp_path / "baseline.json"
    baseline("write", file, run, "--expires", today.isoformat())
    check(tmp_path, run, status=0)
    baseline("write", file, run, "--expires", (today - timedelta(days=1)).isoformat())
    assert names(check(tmp_path, run, status=1)["expired"]) == [fingerprint(1)]
    # When it does not show, there is nothing to expire.
    assert names(check(tmp_path, result(tmp_path), status=0)["fixed"]) == [fingerprint(1)]


def test_writing_again_keeps_dates_and_drops_what_has_gone(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline("write", file, result(tmp_path, 1, 2), "--expires", "2031-01-31")
    text = file.read_text()
    assert len(text.splitlines()) == 4
    file.write_text(text.replace(f'"{date.today()}"', '"2020-02-02"'))  # noqa: DTZ011
    baseline("write", file, result(tmp_path, 2, 3))
    entries = {one["fingerprint"]: one for one in json.loads(file.read_text())["findings"]}
    assert entries.keys() == {fingerprint(2), fingerprint(3)}
    assert entries[fingerprint(2)]["since"] == "2020-02-02"
    assert entries[fingerprint(2)]["expires"] == "2031-01-31"
    assert "expires" not in entries[fingerprint(3)]
    baseline("write", file, result(tmp_path, 3), "--keep")
    assert names(json.loads(file.read_text())["findings"]) == [fingerprint(2), fingerprint(3)]


def test_an_inconclusive_run_fixes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline("write", file, result(tmp_path, 1))
    doubtful = result(tmp_path, exit_code=4)
    found = check(tmp_path, doubtful, status=4)
    assert found["fixed"] == []
    assert names(found["unseen"]) == [fingerprint(1)]
    assert "inconclusive" in found["reasons"][0]
    # A new finding shuts the gate all the same.
    check(tmp_path, doubtful, result(tmp_path, 9), status=1)
    with pytest.raises(ToolError, match="inconclusive"):
        baseline("write", file, doubtful)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("", 4),
        ("{}", 4),
        ('{"schema": 2, "mode": "command"}', 4),
        ('{"schema": 1, "mode": "command"}', 4),
        ('{"schema": 1, "mode": "programs", "programs": []}', 2),
    ],
)
def test_a_result_that_cannot_be_read_is_no_run(tmp_path: Path, content: str, status: int) -> None:
    baseline("write", tmp_path / "baseline.json", result(tmp_path))
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(RaceshimError, match=r"bad\.json") as error:
        baseline("check", tmp_path / "baseline.json", tmp_path / "bad.json")
    assert error.value.exit_code == status
    with pytest.raises(ToolError, match="No such file"):
        baseline("check", tmp_path / "baseline.json", tmp_path / "none.json")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 7}', '{"schema": 1, "findings": [{"kind": "x"}]}']
)
def test_a_damaged_baseline_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "baseline.json").write_text(content)
    with pytest.raises(UsageError, match=r"baseline\.json"):
        baseline("check", tmp_path / "baseline.json", result(tmp_path))


def test_words_that_are_not_understood_are_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs the baseline and a result"):
        baseline("check", tmp_path / "baseline.json")
    with pytest.raises(UsageError, match="--expires"):
        baseline("write", tmp_path / "b.json", result(tmp_path), "--expires", "soon")


def test_the_gate_writes_what_the_baseline_reads(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    racy = programs("plain", race=True)
    one = ("gate", "--json", "one.json", "--", racy)
    raceshim(*one, cwd=tmp_path, status=1)
    raceshim("baseline", "write", "baseline.json", "one.json", cwd=tmp_path)
    raceshim("gate", "--json", "two.json", "--", racy, cwd=tmp_path, status=1)
    done = raceshim("baseline", "check", "baseline.json", "two.json", cwd=tmp_path)
    assert "clean: 0 new, 0 expired, 1 unchanged, 0 fixed" in done.stdout
    (tmp_path / "empty.json").write_text('{"schema": 1, "findings": []}')
    done = raceshim("baseline", "check", "empty.json", "two.json", cwd=tmp_path, status=1)
    assert "new        v1-" in done.stdout
