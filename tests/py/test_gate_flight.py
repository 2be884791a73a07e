# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim gate --flight`: what the threads of a finding did before it was reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from flight_programs import DETECTED, Lab
from official_schemas import sarif_validator
from raceshim.trace._read import read_file
from shim_builds import COMPILERS, ROOT, run

if TYPE_CHECKING:
    from harness_programs import Raceshim

UNLINKED = """\
#include <pthread.h>

int shared;

static void *work(void *arg)
{
	shared++;
	return arg;
}

int main(void)
{
	pthread_t a, b;

	pthread_create(&a, 0, work, 0);
	pthread_create(&b, 0, work, 0);
	pthread_join(a, 0);
	pthread_join(b, 0);
	return 0;
}
"""


@pytest.fixture(scope="module", name="lab")
def _lab(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(sdk, tmp_path_factory.mktemp("flying"))


@pytest.mark.parametrize("way", DETECTED)
def test_a_finding_has_the_last_events_of_its_threads(
    lab: Lab, raceshim: Raceshim, way: str, tmp_path: Path
) -> None:
    words = ("--flight", "flights", "--json", "r.json", "--sarif", "r.sarif")
    program = lab.program(way)
    done = raceshim("gate", *words, "--", program, cwd=tmp_path, status=1)
    document = json.loads((tmp_path / "r.json").read_text())
    jsonschema.validate(document, json.loads((ROOT / "docs/schema/gate-1.json").read_text()))
    (finding,) = document["findings"]
    flight = finding["flight"]
    assert flight["reason"] == "report 1"
    assert [flight["pid"]] == finding["pids"]
    # The whole file is there, and what is shown of it is the end of what the two threads did.
    assert sorted(p.name for p in (tmp_path / "flights").iterdir()) == [Path(flight["path"]).name]
    assert len(read_file(Path(flight["path"])).events) > 600
    assert len(flight["threads"]) == 2
    ends = [{line.split()[-1] for line in thread["last"]} for thread in flight["threads"]]
    assert sorted(name for words in ends for name in words & {"first", "second"}) == [
        "first", "second",
    ]  # fmt: skip
    events = [thread["events"] for thread in flight["threads"]]
    # 201 of its own each, and automatic ones; counters are the process's.
    assert all(number >= 201 for number in events)
    assert float(flight["threads"][0]["last"][-1].split()[0]) <= 0
    for text in (
        flight["path"],
        f"the last 6 of {events[0]} events",
        *flight["threads"][0]["last"],
    ):
        assert text in done.stdout
    sarif = json.loads((tmp_path / "r.sarif").read_text())
    sarif_validator().validate(sarif)
    (attachment,) = sarif["runs"][0]["results"][0]["attachments"]
    assert Path(flight["path"]).name in attachment["artifactLocation"]["uri"]
    assert flight["threads"][0]["last"][-1] in attachment["description"]["text"]


def test_without_the_option_there_is_nothing(lab: Lab, raceshim: Raceshim, tmp_path: Path) -> None:
    program = lab.program("clang-19")
    done = raceshim("gate", "--json", "r.json", "--", program, cwd=tmp_path, status=1)
    (finding,) = json.loads((tmp_path / "r.json").read_text())["findings"]
    assert finding["flight"] is None
    assert "did before" not in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_a_clean_program_leaves_no_file(lab: Lab, raceshim: Raceshim, tmp_path: Path) -> None:
    program = lab.program("clang-19", "-DCONTROL", name="-control")
    raceshim("gate", "--flight", "flights", "--", program, cwd=tmp_path)
    assert list((tmp_path / "flights").iterdir()) == []


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_program_that_is_not_linked_with_the_library(
    raceshim: Raceshim, compiler: str, tmp_path: Path
) -> None:
    """gcc's runtime is a library, whose hook a preloaded one replaces; clang's is not."""
    source, program = tmp_path / "race.c", tmp_path / "race"
    source.write_text(UNLINKED)
    run(compiler, "-fsanitize=thread", "-g", source, "-pthread", "-o", program)
    words = ("--flight", "flights", "--json", "r.json")
    done = raceshim("gate", *words, "--", program, cwd=tmp_path, status=1)
    (finding,) = json.loads((tmp_path / "r.json").read_text())["findings"]
    if compiler.startswith("gcc"):
        assert finding["flight"]["reason"] == "report 1"
        assert len(finding["flight"]["threads"]) == 2
        assert "no last events" not in done.stdout
    else:
        assert finding["flight"] is None
        assert "tells no library of its reports" in done.stdout


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_flag_at_the_link_is_enough(raceshim: Raceshim, compiler: str, tmp_path: Path) -> None:
    (tmp_path / "race.c").write_text(UNLINKED)
    flags = ("-Wl,-u,rsh_flight_start", "race.c", "-pthread", "-o", "race")
    raceshim("cc", "--compiler", compiler, *flags, cwd=tmp_path)
    words = ("--flight", "flights", "--json", "r.json")
    done = raceshim("gate", *words, "--", "./race", cwd=tmp_path, status=1)
    (finding,) = json.loads((tmp_path / "r.json").read_text())["findings"]
    assert finding["flight"]["reason"] == "report 1"
    assert "no last events" not in done.stdout


def test_it_is_for_one_run_of_a_command(raceshim: Raceshim, tmp_path: Path) -> None:
    for words in (("--runs", "2", "--flight", "x", "--", "true"), ("--flight", "x", tmp_path)):
        raceshim("gate", *words, cwd=tmp_path, status=2)
    raceshim("gate", "--flight", "a:b", "--", "true", cwd=tmp_path, status=2)
    (tmp_path / "file").write_text("")
    raceshim("gate", "--flight", "file", "--", "true", cwd=tmp_path, status=2)
