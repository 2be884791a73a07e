# SPDX-License-Identifier: BSD-2-Clause
"""Options: declared once, and who wins when several people set one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raceshim._errors import UsageError
from raceshim._options import COMMAND_OPTIONS, OPTIONS, resolve

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for option in OPTIONS.values():
        monkeypatch.delenv(option.variable, raising=False)
    (tmp_path / "work/below").mkdir(parents=True)
    # Somebody else's file further up must not be looked at once there is one nearer.
    (tmp_path / "pyproject.toml").write_text("[tool.raceshim]\nnonsense = 1\n")
    (tmp_path / "work/pyproject.toml").write_text("[project]\nname = 'x'\n")
    monkeypatch.chdir(tmp_path / "work/below")


def write(folder: Path, table: str) -> None:
    (folder / "work/pyproject.toml").write_text(f"[tool.raceshim]\n{table}\n")


def test_defaults() -> None:
    settings = resolve({})
    assert (settings.compiler, settings.detector, settings.runs) == ("auto", "thread", 1)
    assert settings.jobs >= 1
    assert settings.told == frozenset()


def test_command_line_beats_environment_beats_pyproject_beats_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert resolve({}).runs == 1
    write(tmp_path, "runs = 2")
    assert resolve({}).runs == 2
    monkeypatch.setenv("RACESHIM_RUNS", "3")
    assert resolve({}).runs == 3
    assert resolve({"runs": 4}).runs == 4
    assert resolve({"runs": None}).runs == 3  # not given
    assert resolve({}).told == {"runs"}


def test_pyproject_takes_dashes_numbers_and_lists(tmp_path: Path) -> None:
    write(tmp_path, 'build-dir = "b"\ntimeout = 1.5\ncompiler = ["clang-19", "gcc-12"]')
    settings = resolve({})
    assert (settings.build_dir, settings.timeout) == ("b", 1.5)
    assert settings.compiler == "clang-19,gcc-12"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("rnus = 2", "no option 'rnus'"),
        ("runs = 0", "runs: '0' is no whole number above 0"),
        ('detector = "tsan"', "detector: 'tsan' is none of thread"),
        ("runs = ", "pyproject.toml"),
    ],
)
def test_wrong_pyproject_names_the_file(tmp_path: Path, table: str, message: str) -> None:
    write(tmp_path, table)
    with pytest.raises(UsageError) as error:
        resolve({})
    assert str(tmp_path / "work/pyproject.toml") in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RACESHIM_JOBS", "many"),
        ("RACESHIM_TIMEOUT", "-1"),
        ("RACESHIM_TIMEOUT", "nan"),
        ("RACESHIM_EVIDENCE", "none"),
    ],
)
def test_wrong_variable_names_itself(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=variable):
        resolve({})


def test_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACESHIM_JOBS", "")
    assert "jobs" not in resolve({}).told


def test_every_command_takes_declared_options_only() -> None:
    for names in COMMAND_OPTIONS.values():
        assert set(names) <= set(OPTIONS)
    assert all(option.help for option in OPTIONS.values())
