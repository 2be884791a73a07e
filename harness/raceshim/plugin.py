# SPDX-License-Identifier: BSD-2-Clause
"""The pytest plugin: the fixture `race`, and C files whose names are their verdicts as tests.

pytest imports this module at every start, in projects too that have nothing to do with it, so it
imports nothing until a test asks for the fixture or a file bears the right name *and* says in its
first comment what it must show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim._items import ProgramFile
    from raceshim._lab import Lab
    from raceshim._options import Settings

_PREFIXES = ("race_", "norace_", "miss_")
_OPTIONS = {
    "compiler": "compilers for C programs under test: a name, a list with commas, or all",
    "detector": "detector that the fixture `race` builds with",
    "runs": "how often each C program whose name is its verdict runs",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; values are read by raceshim's own declaration when they are needed."""
    group = parser.getgroup("raceshim", "race detection in C programs")
    for name, text in _OPTIONS.items():
        group.addoption(f"--race-{name}", dest=f"race_{name}", metavar=name.upper(), help=text)
    group.addoption(
        "--raceshim-cover",
        metavar="DIR",
        help="collect the coverage of C programs under test in DIR, and print the percentages",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse wrong options before any test runs."""
    if any(config.getoption(f"race_{name}") for name in _OPTIONS):
        settings(config)
    directory = config.getoption("raceshim_cover")
    if directory:
        from raceshim._errors import UsageError  # noqa: PLC0415
        from raceshim.cover._gate import collect_into  # noqa: PLC0415

        try:
            collect_into(directory)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what the C programs under test have executed."""
    directory = config.getoption("raceshim_cover")
    if directory:
        from pathlib import Path  # noqa: PLC0415

        from raceshim.cover._gate import summary  # noqa: PLC0415

        terminalreporter.section("coverage of C programs")
        terminalreporter.write(summary(Path(directory).absolute(), settings(config)))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ProgramFile | None:
    """Collect race_*.c, norace_*.c and miss_*.c that name an outcome."""
    if file_path.suffix != ".c" or not file_path.name.startswith(_PREFIXES):
        return None
    from raceshim._programs import has_directives, is_program  # noqa: PLC0415

    if not is_program(file_path) or not has_directives(file_path):
        return None
    from raceshim._items import ProgramFile  # noqa: PLC0415

    return ProgramFile.from_parent(parent, path=file_path)


@pytest.fixture
def race(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    """Build C programs under a race detector, run them, and assert what it reports.

    `race.build("x.c", cflags=["-DN=2"]).run().assert_no_data_race()`; the file is looked for
    beside the test. `assert_race(functions=["a", "b"], kind="data race")` is the opposite.
    """
    from raceshim._lab import Lab  # noqa: PLC0415

    return Lab(request.path.parent, tmp_path / "race", settings(request.config))


def settings(config: pytest.Config) -> Settings:
    """Return the options in force: pyproject.toml, then the environment, then pytest's."""
    from raceshim._errors import UsageError  # noqa: PLC0415
    from raceshim._options import OPTIONS, resolve  # noqa: PLC0415

    try:
        given = {name: config.getoption(f"race_{name}") for name in _OPTIONS}
        return resolve(
            {
                name: OPTIONS[name].parse(text, f"--race-{name}")
                for name, text in given.items()
                if text is not None
            }
        )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
