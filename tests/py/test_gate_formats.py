# SPDX-License-Identifier: BSD-2-Clause
"""The gate from end to end: fingerprints, suppressions, and the files that CI reads."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Programs, Raceshim

FINGERPRINT = re.compile(r"fingerprint (v1-[0-9a-f]{16})")
ENTRY = '[[suppression]]\nfingerprint = "{}"\nreason = "{}"\nexpires = {}\n'


@pytest.fixture
def fingerprint(raceshim: Raceshim, programs: Programs) -> str:
    """Return the fingerprint of the race in the plain program."""
    shown = raceshim("gate", "--", programs("plain", race=True), status=1).stdout
    (found,) = FINGERPRINT.findall(shown)
    return str(found)


def suppressions(folder: Path, *entries: tuple[str, str, str]) -> Path:
    """Write a file of suppressions: fingerprint, reason, date."""
    path = folder / "suppressions.toml"
    path.write_text("".join(ENTRY.format(*entry) for entry in entries))
    return path


@pytest.mark.parametrize("compiler", ["clang-14", "gcc-12"])
def test_fingerprint_is_the_same_in_every_run(
    raceshim: Raceshim, programs: Programs, compiler: str
) -> None:
    racy = programs("plain", race=True, compiler=compiler)
    line = f"{racy}; {racy}"
    shown = raceshim("gate", "--", "sh", "-c", line, status=1).stdout
    again = raceshim("gate", "--", racy, status=1).stdout
    assert len(FINGERPRINT.findall(shown)) == 1
    assert FINGERPRINT.findall(shown) == FINGERPRINT.findall(again)


def test_suppressed_race_opens_the_gate_until_its_date(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, fingerprint: str
) -> None:
    racy = programs("plain", race=True)
    file = suppressions(tmp_path, (fingerprint, "known", "2999-01-01"))
    shown = raceshim("gate", "--suppressions", file, "--", racy).stdout
    assert "known" in shown
    assert "suppressed: data race" in shown
    file = suppressions(tmp_path, (fingerprint, "known", "2020-01-01"))
    shown = raceshim("gate", "--suppressions", file, "--", racy, status=1).stdout
    assert "expired suppression" in shown
    assert "would hide 1 report" in shown


def test_suppression_of_another_race_hides_nothing_and_is_told(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    file = suppressions(tmp_path, ("v1-0000000000000000", "elsewhere", "2999-01-01"))
    racy = programs("plain", race=True)
    shown = raceshim("gate", "--suppressions", file, "--", racy, status=1).stdout
    assert "unused suppression" in shown


def test_damaged_suppressions_are_a_usage_error(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    file = tmp_path / "s.toml"
    file.write_text('[[suppression]]\nfingerprint = "v1-0000000000000000"\n')
    done = raceshim("gate", "--suppressions", file, "--", programs("plain"), status=2)
    assert str(file) in done.stderr
    missing = raceshim("gate", "--suppressions", tmp_path / "no", "--", "true", status=2)
    assert "no: cannot be read" in missing.stderr


def test_every_format_tells_of_the_same_race(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, fingerprint: str
) -> None:
    files = {name: tmp_path / name for name in ("json", "sarif", "junit")}
    options = [word for name, path in files.items() for word in (f"--{name}", path)]
    racy = programs("plain", race=True)
    shown = raceshim("gate", "--github", *options, "--", racy, status=1).stdout
    assert re.search(rf"^::error .*{fingerprint}", shown, re.MULTILINE)
    document = json.loads(files["json"].read_text())
    assert [finding["fingerprint"] for finding in document["findings"]] == [fingerprint]
    assert [process["state"] for process in document["processes"]] == ["RACE"]
    (run,) = json.loads(files["sarif"].read_text())["runs"]
    assert fingerprint in json.dumps(run["results"][0]["partialFingerprints"])
    suites = ET.parse(files["junit"]).getroot()  # noqa: S314 - our own output
    assert len(list(suites.iter("failure"))) == 1

    clean = raceshim("gate", "--github", *options, "--", programs("plain")).stdout
    assert "::error" not in clean
    assert json.loads(files["sarif"].read_text())["runs"][0]["results"] == []
    assert json.loads(files["json"].read_text())["findings"] == []
