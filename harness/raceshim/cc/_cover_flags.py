# SPDX-License-Identifier: BSD-2-Clause
"""What each coverage mode needs of each compiler, and which flags contradict it.

The compiler wrapper reads this at every compilation with coverage: nothing heavy is imported.

The counters themselves must not be seen by the race detector, and nobody but raceshim may write
them out. What that takes differs by version:

- clang 14 to 20 lose the mark "not to be sanitized" when they merge two increments into one whose
  address is chosen at run time. Only SimplifyCFG's sinking of common code does that, and
  `-mllvm -sink-common-insts=false` switches it off. Atomic increments need no mark.
- clang before 16 sanitizes SanitizerCoverage's flags although they bear the mark, so there edges
  under ThreadSanitizer are found through the guards' callback.
- gcc's increments are plain, and sanitized, unless `-fprofile-update=atomic` is given; with it they
  are one uninstrumented instruction.

`set` counts with ordinary counters: clang 19's single-byte ones lose the branches, and now and then
a line. Who wants them gives `-mllvm -enable-single-byte-coverage`.
"""

from raceshim._errors import UsageError
from raceshim.cc._compilers import Compiler

#: The engine and mode of each, as numbers of the coverage files (docs/formats.md).
ENGINE_AND_MODE = {
    "set": (1, 1),
    "count": (1, 2),
    "atomic": (1, 3),
    "edges": (2, 1),
    "edge-counts": (3, 3),
}
_GCOV_ENGINE = 5
#: The section in which gcc leaves a pointer for each object: a C name, so the linker bounds it.
GCOV_SECTION = "rsh_gcov_info"
#: What ends a program without its exit handlers: the registrar's functions write first.
WRAPPED = (
    "_exit", "_Exit",
    "execl", "execle", "execlp", "execv", "execve", "execveat", "execvp", "execvpe", "fexecve",
)  # fmt: skip
_UNSINKABLE = "-sink-common-insts"
_CLANG_MERGES_UP_TO = 20
_CLANG_HIDES_FLAGS_SINCE = 16
_CLANG_TELLS_GRAPH_SINCE = 16
_FIRST_GCC = 12


class Wish:
    """What a command line asks for: the mode, and what else there is of importance to it."""

    __slots__ = ("compiler", "flags", "llvm", "mode", "sanitizers")

    def __init__(self, compiler: Compiler, mode: str, detector: str, words: list[str]) -> None:
        """Look at the compiler's arguments (with response files read in)."""
        self.compiler = compiler
        self.mode = mode
        self.flags = [word for word in words if word.startswith("-")]
        self.llvm = [word[7:] for word in words if word.startswith("-mllvm=")]
        self.llvm += [words[i + 1] for i, word in enumerate(words[:-1]) if word == "-mllvm"]
        self.sanitizers = {detector} - {"none"}
        for flag in self.flags:
            name, _, value = flag.partition("=")
            if name == "-fsanitize":
                self.sanitizers.update(value.split(","))
            elif name == "-fno-sanitize":
                gone = set(value.split(","))
                self.sanitizers = set() if "all" in gone else self.sanitizers - gone

    @property
    def version(self) -> int:
        """The compiler's version; 0 when its name does not tell."""
        digits = self.compiler.name.rpartition("-")[2]
        return int(digits) if digits.isdigit() else 0

    @property
    def thread(self) -> bool:
        """Whether ThreadSanitizer is on."""
        return "thread" in self.sanitizers

    @property
    def edges(self) -> bool:
        """Whether this is the fast engine."""
        return self.mode in ("edges", "edge-counts")

    @property
    def guards(self) -> bool:
        """Whether the fast engine calls back at each edge, instead of setting a flag in place."""
        hidden = self.version >= _CLANG_HIDES_FLAGS_SINCE or not self.thread
        return self.mode == "edge-counts" or (self.mode == "edges" and not hidden)

    def has(self, *prefixes: str) -> str:
        """Return the last flag that begins with one of these."""
        return next((flag for flag in reversed(self.flags) if flag.startswith(prefixes)), "")

    @property
    def single_byte(self) -> bool:
        """Whether the project asks for counters of one byte."""
        return _asks(self, "-enable-single-byte-coverage").lower() in ("true", "1")

    def registrar(self) -> str:
        """Return the name of the registrar's source."""
        if self.compiler.family == "gcc":
            return "cover_registrar_gcc.c"
        return "cover_registrar_edges.c" if self.edges else "cover_registrar.c"

    def definitions(self, *, shared: bool) -> list[str]:
        """Return what the registrar of an executable or shared library is told."""
        engine, mode = ENGINE_AND_MODE[self.mode]
        if self.compiler.family == "gcc":
            engine = _GCOV_ENGINE
        told = [f"-DRSH_COVER_ENGINE={engine}", f"-DRSH_COVER_MODE={mode}"]
        if not shared:
            told.append("-DRSH_COVER_PROGRAM=1")
        if self.edges and self.guards:
            told.append("-DRSH_COVER_GUARDS=1")
        if self.single_byte:
            told.append("-DRSH_COVER_COUNTER_SIZE=1")
        return told

    def compiler_flags(self) -> list[str]:
        """Return what every compilation and every link gets; UsageError for a contradiction."""
        if self.compiler.family == "gcc":
            return _gcc(self)
        return _edges(self) if self.edges else _clang(self)

    def link_flags(self, *, shared: bool) -> list[str]:
        """Return what only a link gets."""
        flags = [f"-Wl,{','.join(f'--wrap={name}' for name in WRAPPED)}"]
        if not shared:
            # Libraries that are loaded later find the program's library.
            flags.append("-Wl,--export-dynamic-symbol=rsh_cover_*")
            # Nobody else asks a static libc for the functions that are wrapped.
            flags.append(f"-Wl,{','.join(f'-u,{name}' for name in WRAPPED)}")
        if self.edges and not self.sanitizers:
            # Otherwise clang brings UBSan's runtime, for its empty callbacks.
            flags.append("-fno-sanitize-link-runtime")
        return flags


def _gcc(wish: Wish) -> list[str]:
    if wish.edges:
        raise UsageError(
            f"gcc has no engine for --cover={wish.mode}: SanitizerCoverage with its table of "
            "addresses is clang's. With gcc take --cover=count or --cover=atomic"
        )
    if wish.mode == "set":
        raise UsageError("gcc counts always: with gcc take --cover=count or --cover=atomic")
    if 0 < wish.version < _FIRST_GCC:
        raise UsageError(
            f"--cover needs gcc 12 or newer, {wish.compiler.name} cannot hand out .gcda"
        )
    _refuse_generate(wish, "-fprofile-generate")
    _refuse_section(wish)
    # Plain increments are seen by the detector: under it, and only there, count is atomic too.
    update = "atomic" if wish.mode == "atomic" or wish.thread else "single"
    _refuse_update(wish, update)
    # Not --coverage, which `-fno-profile-arcs` for a file that is not to be counted does not undo.
    arcs = ["-fprofile-arcs", "-ftest-coverage"]
    return [*arcs, f"-fprofile-info-section={GCOV_SECTION}", f"-fprofile-update={update}"]


def _clang(wish: Wish) -> list[str]:
    _refuse_generate(
        wish, "-fprofile-generate", "-fcs-profile-generate", "--coverage", "-coverage",
        "-fprofile-arcs", "-ftest-coverage",
    )  # fmt: skip
    named = wish.has("-fprofile-instr-generate=")
    if named:
        raise UsageError(
            f"--cover={wish.mode} contradicts {named}: LLVM's writer is not linked. Leave the flag "
            "out; RACESHIM_COVERDIR says where the files go"
        )
    update = "atomic" if wish.mode == "atomic" else "single"
    _refuse_update(wish, update)
    _refuse_what_races(wish)
    if wish.has("-fprofile-instr-generate", "-fno-profile-instr-generate").startswith("-fno-"):
        return []  # this file is not to be counted, and its mapping would be an error
    flags = ["-fprofile-instr-generate", "-fcoverage-mapping", f"-fprofile-update={update}"]
    # Not even where the registrar is not linked: `-r` would put LLVM's writer into the object.
    flags.append("-noprofilelib")
    merges = not wish.version or wish.version <= _CLANG_MERGES_UP_TO
    if update == "single" and wish.thread and merges and not _asks(wish, _UNSINKABLE):
        flags += ["-mllvm", f"{_UNSINKABLE}=false"]
    return flags


def _edges(wish: Wish) -> list[str]:
    other = wish.has("-fsanitize-coverage=")
    if not other and any(name.startswith("fuzzer") for name in wish.sanitizers):
        other = "-fsanitize=fuzzer"
    if other:
        raise UsageError(
            f"--cover={wish.mode} contradicts {other}: both need SanitizerCoverage for themselves. "
            "Take --cover=count, which does not, or leave the flag out"
        )
    if wish.mode == "edge-counts" and wish.version >= _CLANG_TELLS_GRAPH_SINCE:
        # clang leaves out the counters of blocks that others imply, which a third of the time goes
        # by; the reader works them out from the program's graph. That needs every edge: one between
        # two blocks that have others too gets a block, so that all numbers follow from those left.
        return ["-fsanitize-coverage=edge,trace-pc-guard,pc-table,control-flow"]
    # Whether the edge was taken, in place, or a call at each edge. Every block: without the
    # program's graph the lines of those that others imply would be wrong.
    # But blocks are enough: those that are put between two of them, on an edge, have no lines.
    how = "trace-pc-guard" if wish.guards else "inline-bool-flag"
    return [f"-fsanitize-coverage=bb,{how},pc-table,no-prune"]


def _refuse_generate(wish: Wish, *flags: str) -> None:
    other = wish.has(*flags)
    if other:
        raise UsageError(
            f"--cover={wish.mode} contradicts {other}: a program has one coverage. Leave out one"
        )


def _refuse_section(wish: Wish) -> None:
    other = wish.has("-fprofile-info-section")
    if other and other != f"-fprofile-info-section={GCOV_SECTION}":
        raise UsageError(
            f"--cover={wish.mode} contradicts {other}: raceshim finds the counters in the section "
            f"{GCOV_SECTION}. Leave the flag out"
        )


def _refuse_update(wish: Wish, update: str) -> None:
    other = wish.has("-fprofile-update=")
    if not other or other == f"-fprofile-update={update}":
        return
    cure = "count" if other == "-fprofile-update=single" else "atomic"
    hint = "Leave it out" if cure == wish.mode else f"Leave it out, or take --cover={cure}"
    why = " here, for plain increments are reported as races" if cure == wish.mode else ""
    raise UsageError(
        f"--cover={wish.mode} contradicts {other}: it is -fprofile-update={update}{why}. {hint}"
    )


def _asks(wish: Wish, name: str) -> str:
    """Return the value of an option of LLVM's that the command line gives."""
    for value in reversed(wish.llvm):
        option, equals, text = value.lstrip("-").partition("=")
        if option == name.lstrip("-"):
            return text if equals else "true"
    return ""


def _refuse_what_races(wish: Wish) -> None:
    mcdc = wish.has("-fcoverage-mcdc", "-fno-coverage-mcdc") == "-fcoverage-mcdc"
    if mcdc and wish.thread:
        raise UsageError(
            "-fcoverage-mcdc cannot be had under ThreadSanitizer: clang tests and sets the bits of "
            "MC/DC without atomics, which is a race, and reported as one. Measure MC/DC in a build "
            "with --detector none, and races with --cover and without -fcoverage-mcdc"
        )
    if wish.single_byte and wish.thread:
        raise UsageError(
            "single-byte counters cannot be had under ThreadSanitizer: clang merges their stores "
            "into ones that it reports as races. Leave out -enable-single-byte-coverage, or build "
            "with --detector none"
        )
    if wish.single_byte and wish.mode != "set":
        raise UsageError(
            f"--cover={wish.mode} contradicts -enable-single-byte-coverage: a byte says only "
            "whether. Take --cover=set"
        )
    if wish.has("-fprofile-continuous") or _asks(wish, "-runtime-counter-relocation") in (
        "true",
        "1",
    ):
        raise UsageError(
            f"--cover={wish.mode} contradicts continuous mode, whose counters LLVM's writer moves "
            "into its file. Leave out -fprofile-continuous and -runtime-counter-relocation"
        )
    if wish.thread and wish.mode != "atomic" and _asks(wish, _UNSINKABLE) in ("true", "1"):
        raise UsageError(
            f"--cover={wish.mode} contradicts -mllvm {_UNSINKABLE}: merged increments are reported "
            "as races by clang up to 20. Leave it out, or take --cover=atomic"
        )
