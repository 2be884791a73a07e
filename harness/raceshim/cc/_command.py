# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim cc` and `raceshim c++`: the compiler, with a detector.

A drop-in: `CC="raceshim cc" ./configure`, cmake and make take it for the compiler that it runs.
Own options stand before the compiler's (`raceshim cc --detector address -O2 x.c`); everything
after them is passed on in place. What is added:

- in front, so that the project's flags win: `-fsanitize=…`, `-g`, `-fno-omit-frame-pointer`, for
  gcc `-fno-ipa-icf`, and the folder of raceshim's headers behind all other include folders;
- at the end, when an executable or a shared library is linked: libraceshim.a, of which the linker
  takes only what is used;
- with `--cover=MODE`: what makes the compiler count, and at each link the registrar, which tells
  the library where this executable or shared library has its counters (`_cover_flags`,
  `_cover_registrar`);
- with `--opt=LEVEL`, behind the project's flags: that level of optimisation;
- with `--heap=yes`, at the link of an executable without a detector: what stands before its
  allocator and tells of allocations;
- with `--locks=yes`, at each link: what makes the linker lead calls of locks to the library;
- with `--schedules=yes`, where ThreadSanitizer and an executable are linked: what makes the linker
  lead accesses, and calls of locks and threads, to what the gate's policies do with them.

Nothing is added to questions (`--version`, `-print-…`). `-r` gets the instrumentation but neither
the detector's runtime nor the archive, which belong into the final link. Under clang, a shared
library that is linked with `-z defs` or `--no-undefined` is linked with `-z undefs` after it:
clang's runtimes live in the executable, so the library's references to them stay open.

This module starts at every compilation: it imports nothing that it can do without and becomes
the compiler by `exec`, so exit status, signals, stdin and stdout are the compiler's own.
"""

# The module `signal` wraps this one in enums, which takes as long as all the rest.
import _signal  # type: ignore[import-not-found]
import os
import sys

from raceshim._errors import RaceshimError, UsageError
from raceshim._options import COMMAND_OPTIONS, OPTIONS, Value, resolve
from raceshim.cc import _prefix
from raceshim.cc._compilers import UNFOLDED, Compiler, find


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_QUESTIONS = _words(
    "--version -dumpmachine -dumpversion -dumpfullversion -dumpspecs --help --target-help "
    "-cc1 -cc1as"
)
_QUESTION_PREFIXES = ("-print-", "--print-", "--help=")
_STOPS_BEFORE_LINK = _words(
    "-c -E -S -M -MM -fsyntax-only --analyze --precompile -emit-ast --compile --preprocess "
    "--assemble"
)
_TAKES_NEXT = _words(
    "-o -I -D -U -L -l -x -u -T -z -e -A -B -include -imacros -isystem -idirafter -iquote "
    "-iprefix -iwithprefix -isysroot -MF -MT -MQ -Xclang -Xlinker -Xassembler -Xpreprocessor "
    "-mllvm --param --sysroot -target -arch -aux-info -specs -dumpbase -dumpdir"
)
_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".H")


class _Arguments:
    """What the compiler's arguments ask for."""

    def __init__(self, arguments: list[str]) -> None:
        self.inputs: list[str] = []
        self.question = False
        self.stops = False
        self.language = ""
        self.libraries = False
        self.words = _expand(arguments)
        flags = set()
        pending = iter(self.words)
        for argument in pending:
            if argument == "-" or not argument.startswith("-"):
                self.inputs.append(argument)
                continue
            flags.add(argument)
            if argument.startswith(("-l", "-Wl,")):
                self.libraries = True
            if argument in _QUESTIONS or argument.startswith(_QUESTION_PREFIXES):
                self.question = True
            elif argument in _STOPS_BEFORE_LINK:
                self.stops = True
            elif argument in _TAKES_NEXT:
                value = next(pending, "")
                self.language = value if argument == "-x" else self.language
                self.libraries = self.libraries or argument in ("-l", "-Xlinker")
            elif argument.startswith("-x"):
                self.language = argument[2:]
        self.relocatable = bool(flags & {"-r", "--relocatable", "-Wl,-r"})
        self.shared = bool(flags & {"-shared", "--shared"})
        self.static = bool(flags & {"-static", "--static", "-static-pie"})

    @property
    def links(self) -> bool:
        """Whether the compiler will call the linker."""
        headers = self.language.endswith("-header") or all(
            name.endswith(_HEADERS) for name in self.inputs
        )
        return bool(self.inputs) and not self.stops and not (headers and self.language != "none")

    @property
    def only_links(self) -> bool:
        """Whether there is nothing to compile."""
        return not self.language and all(name.endswith((".o", ".a", ".so")) for name in self.inputs)


def _expand(arguments: list[str]) -> list[str]:
    """Return the arguments with the response files (`@file`) read in, for looking only."""
    expanded = []
    for argument in arguments:
        if argument.startswith("@") and os.path.isfile(argument[1:]):  # noqa: PTH113
            import shlex  # noqa: PLC0415 - few command lines have one

            with open(argument[1:], encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
                expanded += _expand(shlex.split(file.read()))
        else:
            expanded.append(argument)
    return expanded


def command(  # noqa: PLR0913 - one for each option
    compiler: Compiler,
    detector: str,
    arguments: list[str],
    *,
    cxx: bool,
    cover: str = "none",
    heap: str = "no",
    locks: str = "no",
    schedules: str = "no",
    opt: str | None = None,
) -> list[str]:
    """Return the command line that the compiler gets."""
    program = compiler.cxx if cxx else compiler.cc
    asked = _Arguments(arguments)
    if asked.question or not (asked.inputs or asked.libraries):
        return [program, *arguments]
    front = ["-g", "-fno-omit-frame-pointer", "-isystem", _prefix.includes()]
    end: list[str] = []
    if detector != "none":
        front.insert(0, f"-fsanitize={detector}")
    if cover != "none":
        counting, end = _coverage(asked, compiler, detector, cover)
        front += counting
    if compiler.family == "clang":
        # Otherwise clang warns of every flag that a step has no use for, `-isystem` at a link.
        front = ["--start-no-unused-arguments", *front, "--end-no-unused-arguments"]
    elif detector == "thread":
        # A new warning of gcc's (fences are not modelled) must not break a build with -Werror.
        front += ["-Wno-error=tsan", *UNFOLDED]
    if asked.links and asked.relocatable and compiler.family == "clang" and detector != "none":
        end = ["-fno-sanitize-link-runtime"]
    if asked.links and not asked.relocatable:
        if schedules == "yes" and detector == "thread" and not asked.shared:
            end += schedule_flags()
        end += _heap(asked, detector, cxx=cxx) if heap == "yes" else []
        end += _library(asked, compiler, locks=locks == "yes")
    if opt is not None and not asked.only_links:
        end.insert(0, f"-{opt}")  # behind the project's own
    return [program, *front, *arguments, *end]


def schedule_flags() -> list[str]:
    """Return what the link of an executable needs for its accesses to be perturbed."""
    return [f"-Wl,@{_prefix.share('schedules.wrap')}", "-Xlinker", _prefix.schedules()]


def _heap(asked: _Arguments, detector: str, *, cxx: bool) -> list[str]:
    """Return what the link of an executable needs for its allocations to be told of."""
    if asked.shared:
        return []
    # The program may never call the library, and leave it to the environment.
    end = ["-Wl,-u,rsh_heapprof_rate"]
    if detector != "none":  # which tells
        return end
    if not asked.static:
        if "-static-libstdc++" in asked.words:
            raise UsageError(
                "--heap=yes stands in front of operator new, which in a program that is linked "
                "with -static-libstdc++ nobody finds: link with -static, or without both"
            )
        end.append("-Wl,-u,layer_allocates")
    else:
        # The libraries behind ours call these functions, too.
        end += [f"-Wl,@{_prefix.share('heapprof.wrap')}", "-Wl,-u,__wrap_malloc"]
        if cxx:
            end.append("-Wl,-u,__wrap__Znwm")
    return [*end, "-Xlinker", _prefix.heap_archive(wrapped=asked.static)]


def _library(asked: _Arguments, compiler: Compiler, *, locks: bool) -> list[str]:
    """Return what a link with the library adds at the end."""
    end = []
    if locks:
        # The program may never call the library, and leave it to the environment.
        end += [f"-Wl,@{_prefix.share('lockprof.wrap')}", "-Wl,-u,rsh_lockprof_start"]
    # Passed to the linker as it is: a `-x c` of the project's would make it a source file.
    end += ["-Xlinker", _prefix.archive()]
    if asked.static:
        # Compilers leave the index of the unwind tables out, without which no stack can be walked.
        end.append("-Wl,--eh-frame-hdr")
    if asked.shared and compiler.family == "clang" and _forbids_undefined(asked.words):
        end.append("-Wl,-z,undefs")
    return end


def _coverage(
    asked: _Arguments, compiler: Compiler, detector: str, mode: str
) -> tuple[list[str], list[str]]:
    """Return what coverage adds in front and at the end."""
    from raceshim.cc import _cover_flags  # noqa: PLC0415 - most builds have no coverage

    wish = _cover_flags.Wish(compiler, mode, detector, asked.words)
    flags = wish.compiler_flags()
    if asked.relocatable:
        # libgcov comes with gcc's flags, and once only: into the final link.
        return ([] if asked.only_links and compiler.family == "gcc" else flags), []
    if not asked.links:
        return flags, []
    from raceshim.cc import _cover_registrar  # noqa: PLC0415 - most steps are compilations

    return flags, _cover_registrar.link(wish, asked.words, shared=asked.shared)


def _forbids_undefined(arguments: list[str]) -> bool:
    return any("no-undefined" in a or a.endswith("defs") or "defs," in a for a in arguments)


def split_options(arguments: list[str]) -> tuple[dict[str, Value], list[str]]:
    """Take raceshim's own options off the front."""
    given: dict[str, Value] = {}
    rest = list(arguments)
    while rest:
        flag, equals, value = rest[0].partition("=")
        option = OPTIONS.get(flag[2:]) if flag.startswith("--") else None
        if option is None or option.name not in COMMAND_OPTIONS["cc"]:
            break
        del rest[0]
        if not equals:
            if not rest:
                raise UsageError(f"{flag} needs a value")
            value = rest.pop(0)
        given[option.name] = option.parse(value, flag)
    return given, rest


def main(arguments: list[str], *, cxx: bool) -> int:
    """Become the compiler; returns only when that is not possible."""
    name = "c++" if cxx else "cc"
    try:
        given, rest = split_options(arguments)
        settings = resolve(given)
        compiler = find(settings.compiler)
        if settings.locks == settings.schedules == "yes":
            raise UsageError(
                "--locks=yes and --schedules=yes lead the same calls to different places: build "
                "once for profiles of locks, and once for the gate"
            )
        if not compiler.has(settings.detector):
            raise UsageError(f"{compiler.name} has no {settings.detector} sanitizer; clang has")
        line = command(
            compiler,
            settings.detector,
            rest,
            cxx=cxx,
            cover=settings.cover,
            heap=settings.heap,
            locks=settings.locks,
            schedules=settings.schedules,
            opt=settings.opt,
        )
        for number in (
            _signal.SIGPIPE,
            _signal.SIGXFSZ,
        ):  # Python ignores them, exec keeps it
            _signal.signal(number, _signal.SIG_DFL)
        os.execv(line[0], line)  # noqa: S606 - becoming the compiler is the point
    except RaceshimError as error:
        sys.stderr.write(f"raceshim {name}: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"raceshim {name}: {error}\n")
        return 4


def main_cc() -> int:
    """Console script `raceshim-cc`."""
    return main(sys.argv[1:], cxx=False)


def main_cxx() -> int:
    """Console script `raceshim-c++`."""
    return main(sys.argv[1:], cxx=True)
