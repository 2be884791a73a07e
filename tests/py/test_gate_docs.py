# SPDX-License-Identifier: BSD-2-Clause
"""docs/gate.md and examples/ci: their steps do what they say, on a project that knows nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from official_schemas import shipped
from raceshim.formats._result import VERDICTS
from raceshim.suppress._parse import parse_rules
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from harness_programs import Raceshim

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples" / "ci"
PROJECT = {
    "counter.c": """\
#include <pthread.h>
static LONG hits;
static void *count(void *arg) { for (int i = 0; i < 1000; i++) hits++; return arg; }
int main(void)
{
	pthread_t a, b;
	pthread_create(&a, 0, count, 0);
	pthread_create(&b, 0, count, 0);
	pthread_join(a, 0);
	pthread_join(b, 0);
	return 0;
}
""",
    "Makefile": """\
LDLIBS = -pthread
counter: counter.c
check: counter
	./counter || true
clean:
	rm -f counter
""",
    "CMakeLists.txt": """\
cmake_minimum_required(VERSION 3.16)
project(demo C CXX)
find_package(Threads REQUIRED)
enable_testing()
add_executable(counter counter.c)
target_link_libraries(counter Threads::Threads)
add_test(NAME counter COMMAND counter)
""",
    "meson.build": """\
project('demo', 'c', 'cpp')
test('counter', executable('counter', 'counter.c', dependencies: dependency('threads')))
""",
    "configure": """\
#!/bin/sh
echo "CC = $CC" > config.mk
""",
    "tests.sh": "./counter >/dev/null 2>&1 | cat\nexit 0\n",
}
STEPS = dict(re.findall(r"^### (.+?)\n```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def shell(raceshim: Raceshim, tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the commands are found by name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, words in (("raceshim", ""), ("raceshim-cc", "cc"), ("raceshim-c++", "c++")):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m raceshim {words} "$@"\n')
        script.chmod(0o755)
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return raceshim.environ | {"PATH": path}


def project(folder: Path, *, race: bool) -> Path:
    folder.mkdir()
    for name, text in PROJECT.items():
        file = folder / name
        file.write_text(text.replace("LONG", "long" if race else "_Atomic long"))
        file.chmod(0o755)
    if "configure" in PROJECT:
        makefile = (folder / "Makefile").read_text()
        (folder / "Makefile").write_text(f"-include config.mk\n{makefile}")
    return folder


@pytest.mark.parametrize("race", [True, False], ids=["race", "norace"])
@pytest.mark.parametrize("build", STEPS)
def test_steps_for_each_build_system_gate_a_project(
    shell: dict[str, str], tmp_path: Path, build: str, *, race: bool
) -> None:
    folder = project(tmp_path / "project", race=race)
    *before, gate = STEPS[build].strip().split("\n")
    assert gate.startswith("raceshim gate -- ")
    for step in before:
        subprocess.run(step, shell=True, cwd=folder, env=shell, check=True)  # noqa: S602 - the docs'
    done = subprocess.run(gate, shell=True, cwd=folder, env=shell, check=False)  # noqa: S602
    assert done.returncode == int(race)


def test_every_build_system_that_is_promised_has_steps() -> None:
    assert list(STEPS) == ["make", "CMake and CTest", "Meson", "configure", "A script of your own"]
    assert shutil.which("meson", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def test_the_page_tells_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \| ([a-z ]+) \|", PAGE, re.MULTILINE)
    assert {int(code): word for code, word in rows} == VERDICTS


def test_the_suppression_of_the_page_can_be_read() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (rule,) = parse_rules(text, "gate.md")
    assert rule.fingerprint is not None
    assert rule.expires is not None


def test_links_of_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 3
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def example(name: str) -> dict[str, Any]:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    return dict(YAML(typ="safe", pure=True).load(text))


def validate(kind: str, document: dict[str, Any]) -> None:
    schema = json.loads(
        shipped("check-jsonschema", f"check_jsonschema/builtin_schemas/vendor/{kind}.json")
    )
    jsonschema.validators.validator_for(schema)(schema).validate(document)


def test_the_github_workflow_is_valid() -> None:
    document = example("github.yml")
    validate("github-workflows", document)
    with pytest.raises(jsonschema.ValidationError):
        validate("github-workflows", document | {"jobs": {"gate": {"steps": "make"}}})


@pytest.mark.long
def test_actionlint_has_nothing_to_say_of_the_github_workflow(tmp_path: Path) -> None:
    """It knows more than the schema: expressions, what is in them, labels of machines."""
    tool = shutil.which("actionlint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if tool is None:
        pytest.skip("actionlint is not installed")
    text = (EXAMPLES / "github.yml").read_text(encoding="utf-8")
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "races.yml").write_text(text)
    # What shellcheck and pyflakes would say depends on whether they are installed.
    line = [tool, "-shellcheck=", "-pyflakes=", workflows / "races.yml"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    (workflows / "races.yml").write_text(text.replace("github.event_name", "github.event_nmae"))
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "event_nmae" in done.stdout


def test_the_gitlab_pipeline_is_valid() -> None:
    document = example("gitlab.yml")
    validate("gitlab-ci", document)
    with pytest.raises(jsonschema.ValidationError):
        validate("gitlab-ci", document | {"race gate": {"script": 7}})


def gate_line(name: str) -> str:
    """Return the one command of an example that runs the gate."""
    document = example(name)
    lines = (
        [step.get("run", "") for step in document["jobs"]["gate"]["steps"]]
        if "jobs" in document
        else document["race gate"]["script"]
    )
    (line,) = [line for line in lines if "raceshim gate" in line]
    return str(line)


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_no_example_hides_the_exit_code_of_the_gate(name: str) -> None:
    line = gate_line(name)
    assert not re.search(r"[|;&]", line)
    assert 'make check CC="raceshim cc"' in line
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert "continue-on-error" not in text
    assert "allow_failure" not in text
