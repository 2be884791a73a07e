# SPDX-License-Identifier: BSD-2-Clause
"""The command `raceshim`.

Exit status: 0 clean, 1 the gate is shut, 2 usage, 3 a build failed, 4 inconclusive, 130
interrupted. The compiler wrapper is dispatched before anything heavy is imported.
"""

from __future__ import annotations

import sys

from raceshim._errors import INTERRUPTED, Interrupted, RaceshimError, UsageError
from raceshim._options import COMMAND_OPTIONS, FORMATS, OPTIONS, Settings, Value, resolve
from raceshim.cc._compilers import COVER_MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import TextIO

#: Commands that have commands or a parser of their own, and the module of each.
_ROOMS = {
    "audit": "audit._main",
    "baseline": "history._baseline_main",
    "bisect": "bisect._main",
    "cover": "cover._main",
    "history": "history._main",
    "prof": "prof._main",
    "report": "view._main",
    "trace": "trace._main",
}
_PATHS = ("cflags", "libs", "cmakedir", "includes", "pkgconfigdir", "version")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ("cc", "c++"):
        from raceshim.cc._command import main as compile_main  # noqa: PLC0415

        return compile_main(words[1:], cxx=words[0] == "c++")
    try:
        if words and words[0] in _ROOMS:
            return _room(words[0], words[1:])
        return _dispatch(words)
    except RaceshimError as error:
        sys.stderr.write(f"raceshim: {error}\n")
        return error.exit_code
    except (Interrupted, KeyboardInterrupt):
        sys.stderr.write("raceshim: interrupted\n")
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    import argparse  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="raceshim",
        description="Build C under a race detector, run it, and judge what the detector said.",
        epilog="exit status: 0 clean, 1 races, 2 usage, 3 build failed, 4 inconclusive, "
        "130 interrupted",
        allow_abbrev=False,
    )
    texts = {
        "cflags": "print the compiler flags that find the headers",
        "libs": "print the linker flags for the static library",
        "cmakedir": "print the folder of raceshim-config.cmake (raceshim_DIR)",
        "includes": "print the folder of the headers",
        "pkgconfigdir": "print the folder for PKG_CONFIG_PATH",
        "version": "print the version",
    }
    for name in _PATHS:
        parser.add_argument(
            f"--{name}", dest="asked", action="append_const", const=name, help=texts[name]
        )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in (("cc", "the C compiler"), ("c++", "the C++ compiler")):
        wrapper = _add(commands, name, f"{text}, with a detector; all other flags are passed on")
        _add_options(wrapper, "cc")
        wrapper.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    run = _add(commands, "run", "run one program and show what the detectors find in it")
    _add_options(run, "run")
    run.add_argument("program", metavar="PROGRAM")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    gate = _add(
        commands,
        "gate",
        "judge every process of a command (gate [options] -- COMMAND), or folders of programs "
        "whose names are their verdicts (gate [options] FOLDER ...)",
    )
    _add_options(gate, "gate")
    gate.add_argument("paths", nargs="*", metavar="FOLDER")
    merge = _add(commands, "merge", "judge the runs of several --results files as one gate's")
    _add_options(merge, "merge")
    merge.add_argument("paths", nargs="+", metavar="FILE")
    repro = _add(commands, "repro", "run again what has shown a finding, until it shows it again")
    _add_options(repro, "repro")
    repro.add_argument("fingerprint", metavar="FINGERPRINT")
    cover = _add(commands, "cover", "read, combine and report coverage; see raceshim cover --help")
    cover.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    prof = _add(commands, "prof", "record and read CPU profiles; see raceshim prof --help")
    prof.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    audit = _add(
        commands,
        "audit",
        "check that signal handlers reach nothing that they must not call; see "
        "raceshim audit --help",
    )
    audit.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    report = _add(
        commands, "report", "make a page of what the gate has found; see raceshim report --help"
    )
    report.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    trace = _add(commands, "trace", "look at execution traces; see raceshim trace --help")
    trace.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    baseline = _add(
        commands,
        "baseline",
        "shut the gate for new findings only; see raceshim baseline --help",
    )
    baseline.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    bisect = _add(
        commands,
        "bisect",
        "find the commit that a flaky race came with; see raceshim bisect --help",
    )
    bisect.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    history = _add(
        commands,
        "history",
        "remember runs: first and last seen, rates over commits; see raceshim history --help",
    )
    history.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=text, description=text, allow_abbrev=False)


def _add_options(parser: argparse.ArgumentParser, command: str) -> None:
    for name in COMMAND_OPTIONS[command]:
        option = OPTIONS[name]
        if option.is_switch:
            parser.add_argument(
                option.flag, dest=name, help=option.help, action="store_const", const="yes"
            )
            continue
        parser.add_argument(
            option.flag,
            dest=name,
            help=option.help,
            metavar=option.metavar or "|".join(option.choices),
        )


def _room(name: str, words: list[str]) -> int:
    """Run a command that has commands of its own; only it imports them."""
    import importlib  # noqa: PLC0415 - the compiler wrapper starts without

    _interrupt_on_signals()
    module = importlib.import_module(f"raceshim.{_ROOMS[name]}")
    return int(module.main(words))


def _dispatch(words: list[str]) -> int:
    command: list[str] | None = None
    if "--" in words and words[0] == "gate":
        place = words.index("--")
        words, command = words[:place], words[place + 1 :]
    parser = build_parser()
    parsed = parser.parse_args(words)
    if parsed.asked:
        sys.stdout.write(" ".join(_answer(name) for name in parsed.asked) + "\n")
        return 0
    if parsed.command is None:
        parser.print_usage(sys.stderr)
        return UsageError.exit_code
    settings = resolve(_given(parsed, has_command=command is not None))
    if parsed.command in ("merge", "repro"):
        return _of_runs(parsed, settings)
    if parsed.command != "cc" and (command is not None or parsed.command == "run"):
        _check_canary(settings)
    if parsed.command == "run":
        return _judge_command(
            [parsed.program, *parsed.arguments],
            settings,
            any_detector="detector" not in settings.told,
        )
    _check_flight(command, settings)
    return _gate(parsed, command, settings)


def _of_runs(parsed: argparse.Namespace, settings: Settings) -> int:
    from raceshim import _runs  # noqa: PLC0415 - most commands do without

    _interrupt_on_signals()
    if parsed.command == "merge":
        return _runs.merge(parsed.paths, settings)
    return _runs.repro(parsed.fingerprint, settings)


def _check_flight(command: list[str] | None, settings: Settings) -> None:
    """Refuse what is not one run of a command."""
    if settings.flight is not None and (command is None or _is_campaign(settings)):
        raise UsageError("--flight is for one plain run of a command: gate [options] -- COMMAND")


def _gate(parsed: argparse.Namespace, command: list[str] | None, settings: Settings) -> int:
    if command is not None:
        if parsed.paths:
            raise UsageError(f"gate takes folders or a command, not both: {parsed.paths[0]}")
        if settings.build is not None and settings.matrix is None:
            raise UsageError("--build is for --matrix: build before the gate, as ever")
        if command and settings.matrix is not None:
            _check_matrix(settings)
            from raceshim import _runs  # noqa: PLC0415

            _interrupt_on_signals()
            return _runs.gate_settings(command, settings)
        if command and _is_campaign(settings):
            from raceshim import _runs  # noqa: PLC0415

            _interrupt_on_signals()
            return _runs.gate(command, settings)
        return _judge_command(command, settings, any_detector=False)
    if not parsed.paths:
        raise UsageError("nothing to gate: name a folder of programs, or -- and a command")
    if parsed.canary:
        raise UsageError(
            "--canary is for a command: programs whose names are their verdicts have races among "
            "them that must be reported, so leave it out"
        )
    _check_programs(settings)
    if settings.matrix is not None:
        _check_matrix(settings)
    return _judge_programs(parsed.paths, settings)


def _is_campaign(settings: Settings) -> bool:
    """Whether the options ask for anything but one plain run of a command."""
    return settings.runs > 1 or any(
        (
            settings.policy not in (None, "none"),
            settings.budget,
            settings.until_found,
            settings.shard,
            settings.results,
            settings.cluster,
        )
    )


def _check_matrix(settings: Settings) -> None:
    for name in ("budget", "until_found", "shard", "results", "policy"):
        if name in settings.told:
            other = "mode= in it" if name == "policy" else "--runs"
            raise UsageError(f"{OPTIONS[name].flag} does not go with --matrix: use {other}")


def _check_programs(settings: Settings) -> None:
    for name in ("shard", "results", "build", "cluster", "ship", "pass_env", "profile"):
        if name in settings.told:
            raise UsageError(f"{OPTIONS[name].flag} is for a command: gate [options] -- COMMAND")


def _given(parsed: argparse.Namespace, *, has_command: bool) -> dict[str, Value]:
    texts = {name: getattr(parsed, name) for name in COMMAND_OPTIONS[parsed.command]}
    if has_command and texts["cover"] is not None:
        texts |= {"cover": None, "coverdir": _cover_directory(texts["cover"])}
    return {name: _value(name, text) for name, text in texts.items()}


def _cover_directory(text: str) -> str:
    """Return what --cover names before a command: a directory, for what is built is built."""
    if text in COVER_MODES:
        raise UsageError(
            f"--cover {text}: before a command this is the directory to collect coverage in; the "
            f"mode is for what compiles: RACESHIM_COVER={text}, or raceshim cc --cover={text} "
            f"(a directory of that name is ./{text})"
        )
    return text


def _value(name: str, text: str | None) -> Value:
    option = OPTIONS[name]
    return None if text is None else option.parse(text, option.flag)


def _answer(name: str) -> str:
    from raceshim import __version__  # noqa: PLC0415
    from raceshim.cc import _prefix  # noqa: PLC0415

    match name:
        case "cflags":
            return f"-I{_prefix.includes()}"
        case "libs":
            return f"{_prefix.archive()} -pthread"
        case "cmakedir":
            return _prefix.cmakedir()
        case "includes":
            return _prefix.includes()
        case "pkgconfigdir":
            return _prefix.pkgconfigdir()
        case _:
            return __version__


def _judge_command(command: list[str], settings: Settings, *, any_detector: bool) -> int:
    from raceshim._command import gate_command  # noqa: PLC0415 - `cc` must start without

    _interrupt_on_signals()
    detector = None if any_detector else settings.detector
    cover_folder = None
    if settings.coverdir is not None and not any_detector:
        from raceshim.cover._gate import collect_into  # noqa: PLC0415 - most commands have none

        cover_folder = collect_into(settings.coverdir)
    verdict = gate_command(command, settings, detector=detector)

    from raceshim.formats._text import command_text  # noqa: PLC0415 - loaded while the command ran

    stream = _stream(settings)
    stream.write(command_text(verdict, colour=stream.isatty()))
    if cover_folder is not None:
        from raceshim.cover._gate import summary  # noqa: PLC0415

        stream.write(summary(cover_folder, settings))
    if any(getattr(settings, name) for name in FORMATS):
        from raceshim._formats import write_formats  # noqa: PLC0415

        write_formats(verdict, settings, detector)
    return verdict.exit_code


def _check_canary(settings: Settings) -> None:
    if settings.canary and settings.detector != "thread":
        raise UsageError(
            f"the canary is a data race, and the {settings.detector} detector reports none: "
            "leave out --canary"
        )


def _judge_programs(paths: list[str], settings: Settings) -> int:
    from pathlib import Path  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from raceshim import _files, _output, _tasks, _verdicts  # noqa: PLC0415

    _interrupt_on_signals()
    stream = _stream(settings)
    console = Console(file=stream, width=None if stream.isatty() else 160)
    with _output.progress(console) as (started, done):
        verdicts = _tasks.gate_programs([Path(p) for p in paths], settings, started, done)
    here = Path.cwd()
    matrix = None
    if settings.matrix is not None:
        from raceshim import _matrix, _matrix_programs  # noqa: PLC0415

        by_detector = "detector" in _matrix.axes_of(settings)
        matrix = _matrix_programs.matrix_of(verdicts, here, by_detector=by_detector)
        code = _matrix_programs.matrix_exit_code(verdicts)
        _output.show_matrix(console, verdicts, matrix)
    else:
        code = _verdicts.exit_code(verdicts)
        _output.show_programs(console, verdicts, here)
    if settings.json is not None or settings.html is not None:
        from raceshim._formats import write_programs  # noqa: PLC0415

        write_programs(_files.programs_document(verdicts, here, code, matrix), settings)
    if settings.table is not None:
        _files.write_text(settings.table, _files.programs_markdown(verdicts, Path(settings.table)))
    return code


def _stream(settings: Settings) -> TextIO:
    """Return where text goes: stdout, unless JSON has it."""
    return sys.stderr if settings.json == "-" else sys.stdout


def _interrupt_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end the command with nothing left running."""
    import signal  # noqa: PLC0415

    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN  # nohup stays nohup
    ]

    def interrupt(_number: int, _frame: object) -> None:
        for number in numbers:  # once is enough; what follows must not be cut short
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    for number in numbers:
        signal.signal(number, interrupt)
