# SPDX-License-Identifier: BSD-2-Clause
"""What the library's objects call and export, whatever flags the user's project has."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from shim_builds import COMPILERS, ROOT, Builds, Symbol, build, configure, run, symbols

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = ("-O0", "-O2", "-O3")
SIGNAL_SOURCES = sorted(ROOT.glob("shim/src/**/*_sig.c"))

# What interrupts a program often, on whatever stack it has; the rest runs when it ends, or, of the
# profiler, when threads begin and end.
SAMPLING_SOURCES = [
    p for p in SIGNAL_SOURCES if p.parent.name == "core" and p.stem != "files_linux_sig"
] + [ROOT / "shim/src/cpuprof/handler_sig.c", ROOT / "shim/src/cpuprof/follow_sig.c"]
SMALL_FRAMES = ["-Werror", "-Wframe-larger-than=1000"]

# Nothing but the library's own functions for handlers may be called from a handler.
SIGNAL_SAFE = re.compile(r"rshi?_\w+_sig|_GLOBAL_OFFSET_TABLE_")
# Where what is linked begins and ends.
LINKERS = {"__ehdr_start", "_end"}
# Data that such functions share.
SIGNAL_DATA = {"rshi_kept", "rshi_listed", "rshi_session_trace"} | LINKERS
# The exceptions, by file: what is libc's, weak, takes no lock and is not intercepted by detectors.
SIGNAL_LIBC = {
    "counts_sig": {"__libc_single_threaded"}, "unwind_objects_sig": {"_dl_find_object"},
}  # fmt: skip
# What the rest of the library takes from libc.
LIBC = {
    "__cxa_atexit", "__dso_handle", "__errno_location", "at_quick_exit", "dl_iterate_phdr",
    "dladdr", "dlopen", "dlsym", "getauxval", "getenv", "mmap", "mtx_destroy", "mtx_init",
    "mtx_timedlock", "mtx_trylock", "mtx_unlock", "munmap", "pthread_atfork",
    "pthread_attr_destroy", "pthread_attr_init", "pthread_attr_setdetachstate",
    "pthread_key_create", "pthread_setspecific", "secure_getenv", "setenv", "strerrordesc_np",
    "thrd_create",
}  # fmt: skip
LIBC_IF_THERE = {"__libc_single_threaded", "_dl_find_object", "__pthread_create"}
# The profiler stands before libc, and calls on what stood there: a detector that is in the program.
INTERPOSED = {"pthread_create"}
# What ThreadSanitizer's runtime asks before it makes a report.
ASKED = {"_ZN6__tsan8OnReportEPKNS_10ReportDescEb"}
DETECTORS_OWN = {f"__interceptor_{name}" for name in INTERPOSED}
# By these clang's runtime calls libc; the others are what the linker leads to the hooks.
DETECTORS_REAL = {
    f"_ZN14__interception{length}real_{name}E"
    for file in ("core/wait_hooks_behind.c", "trace/call_hooks_behind.c")
    for length, name in re.findall(r"HAS\((\d+), (\w+)\)", (ROOT / "shim/src" / file).read_text())
}
LOCKS = re.findall(r"--wrap=(\w+)", (ROOT / "shim/share/lockprof.wrap").read_text())
WRAPPED = {f"__real_{name}" for name in LOCKS}
HOOKS = set(re.findall(r"RSHI_HOOK\((__\w+)\)", (ROOT / "shim/src/core/detector.h").read_text()))
WEAK = HOOKS | LIBC_IF_THERE | LINKERS | DETECTORS_OWN | DETECTORS_REAL | {"rshi_hooks_wrapped"}

# Flags of projects that instrument everything they compile: in the first lines of each compiler as
# many at once as go together.
TOGETHER = 2
HOSTILE = {
    "clang": """
        -fsanitize=thread --coverage -fprofile-update=atomic -finstrument-functions \
            -fsanitize-coverage=trace-pc-guard,trace-cmp,trace-div,trace-gep -fstack-protector-all \
            -D_FORTIFY_SOURCE=2 -fomit-frame-pointer -fno-asynchronous-unwind-tables \
            -fpatchable-function-entry=4
        -fsanitize=address,undefined -fprofile-instr-generate -fcoverage-mapping -pg \
            -fsanitize-coverage=inline-8bit-counters,pc-table -ftrivial-auto-var-init=pattern \
            -finstrument-functions-after-inlining -fxray-instrument
        -fsanitize=memory -fcs-profile-generate
        -fprofile-generate -finstrument-functions -fstack-protector-all -D_FORTIFY_SOURCE=2
        -finstrument-functions-after-inlining -fcs-profile-generate -fxray-instrument""",
    "gcc": """
        -fsanitize=thread --coverage -fprofile-update=atomic -finstrument-functions \
            -fsanitize-coverage=trace-pc,trace-cmp -flto -ffat-lto-objects -D_FORTIFY_SOURCE=2 \
            -ftrivial-auto-var-init=pattern -fomit-frame-pointer \
            -fno-asynchronous-unwind-tables -fpatchable-function-entry=4
        -fsanitize=address,undefined -pg -mfentry -fprofile-generate -fstack-protector-all
        -fprofile-generate -finstrument-functions -fstack-protector-all -D_FORTIFY_SOURCE=2""",
}
LIBRARIES = ("rsh_shim", "rsh_shim_shared")
CASES = [
    pytest.param(
        compiler,
        " ".join(flags.split()),
        id=f"{compiler}-{number}",
        # The same flags with an older clang go through the same lines of CMake.
        marks=[pytest.mark.long] if compiler == "clang-14" or number >= TOGETHER else [],
    )
    for compiler in COMPILERS
    for number, flags in enumerate(HOSTILE[compiler.split("-")[0]].split("\n")[1:])
]


def needs_of_a_handler(object_file: Path) -> set[str]:
    """Return what an object needs that no signal handler may call."""
    libc = SIGNAL_LIBC.get(object_file.stem.partition("-")[0], set())
    return {
        s.name
        for s in symbols("-u", object_file)
        if not SIGNAL_SAFE.fullmatch(s.name)
        and s.name not in SIGNAL_DATA
        and not (s.kind == "w" and s.name in libc)
    }


def instrumentation(found: list[Symbol]) -> set[str]:
    """Return what objects need beyond the listed hooks, weakly, and the listed libc functions."""
    own = {s.name for s in found if s.kind in "TDBR" and s.name.startswith(("rsh_", "rshi_"))}
    allowed = own | LIBC | INTERPOSED | WRAPPED | {"_GLOBAL_OFFSET_TABLE_"}
    return {
        s.name
        for s in found
        if (s.kind == "U" and s.name not in allowed) or (s.kind in "wWvV" and s.name not in WEAK)
    }


@pytest.fixture(scope="module", params=COMPILERS)
def signal_compile(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Return the command that the build compiles code for handlers with, up to the files."""
    folder = configure(tmp_path_factory.mktemp("build"), request.param)
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        if entry["file"].endswith("_sig.c"):
            command = shlex.split(entry["command"])
            return command[: command.index("-o")]
    pytest.fail("no source file for handlers is compiled")


def compile_for_handler(command: list[str], level: str, source: Path, folder: Path) -> Path:
    result = folder / f"{source.stem}{level}.o"
    run(*command, level, "-c", source, "-o", result)
    return result


@pytest.mark.parametrize(
    "level",
    # What is shipped, and what has the largest frames; then what lies between.
    ["-O3", "-O0", pytest.param("-O2", marks=pytest.mark.long)],
)
def test_code_for_handlers_calls_nothing_else_and_has_small_frames(
    signal_compile: list[str], level: str, tmp_path: Path
) -> None:
    assert {p.name for p in SIGNAL_SOURCES} >= {
        "sigsafe_x86_64_sig.c", "sys_linux_sig.c", "end_sig.c", "deadly_sig.c",
    }  # fmt: skip
    assert len(set(SAMPLING_SOURCES) & set(SIGNAL_SOURCES)) > 5
    for source in SIGNAL_SOURCES:
        frames = SMALL_FRAMES if source in SAMPLING_SOURCES else []
        built = compile_for_handler([*signal_compile, *frames], level, source, tmp_path)
        assert needs_of_a_handler(built) == set(), source.name
        assert any(s.name.endswith("_sig") and s.kind in "TDR" for s in symbols(built))


def test_a_large_frame_is_seen(signal_compile: list[str], tmp_path: Path) -> None:
    source = tmp_path / "large_sig.c"
    source.write_text(
        "void use_sig(volatile char *);\nvoid large_sig(void);\n"
        "void large_sig(void)\n{\n\tvolatile char block[1000];\n\n\tuse_sig(block);\n}\n"
    )
    command = [*signal_compile, *SMALL_FRAMES, "-c", str(source)]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "large.o")], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "frame" in done.stderr


@pytest.mark.parametrize("level", LEVELS)
def test_libc_is_called_from_handlers_without_binding_first(
    signal_compile: list[str], level: str, tmp_path: Path
) -> None:
    # A call through the PLT may be the first, and look the function up, in the handler.
    for stem, names in SIGNAL_LIBC.items():
        (source,) = ROOT.glob(f"shim/src/*/{stem}.c")
        built = compile_for_handler(signal_compile, level, source, tmp_path)
        relocations = run("readelf", "--relocs", "--wide", built)
        for name in names:
            kinds = set(re.findall(rf"(R_X86_64_\w+) +[0-9a-f]+ +{name}\b", relocations))
            assert kinds
            assert kinds <= {"R_X86_64_REX_GOTPCRELX", "R_X86_64_GOTPCRELX", "R_X86_64_GOTPCREL"}


@pytest.mark.parametrize("level", LEVELS)
def test_a_struct_copy_in_a_handler_is_seen(
    signal_compile: list[str], level: str, tmp_path: Path
) -> None:
    source = tmp_path / "struct_copy_sig.c"
    source.write_text(
        "struct stack { void *pc[8192]; };\n"
        "void copy_sig(struct stack *, const struct stack *);\n"
        "void copy_sig(struct stack *dst, const struct stack *src)\n{\n\t*dst = *src;\n}\n"
    )
    built = compile_for_handler(signal_compile, level, source, tmp_path)
    assert needs_of_a_handler(built) == {"memcpy"}


@pytest.mark.parametrize("level", ["-O2", "-O3"])
def test_a_copy_loop_in_a_handler_is_seen(
    signal_compile: list[str], level: str, tmp_path: Path
) -> None:
    source = tmp_path / "loop_sig.c"
    source.write_text(
        "void copy_sig(char *restrict, const char *restrict, unsigned long);\n"
        "void copy_sig(char *restrict dst, const char *restrict src, unsigned long n)\n{\n"
        "\tfor (unsigned long i = 0; i < n; i++)\n\t\tdst[i] = src[i];\n}\n"
    )
    built = compile_for_handler(signal_compile, level, source, tmp_path)
    assert needs_of_a_handler(built) == {"memcpy"}


def machine_code(archive: Path) -> str:
    """Return the archive's disassembly without addresses of the file itself."""
    listing = run("objdump", "-dr", "--no-show-raw-insn", archive)
    return listing.replace(str(archive), "")


@pytest.mark.parametrize(("compiler", "flags"), CASES)
def test_flags_of_the_user_change_nothing(
    compiler: str, flags: str, builds: Builds, tmp_path: Path
) -> None:
    # Some of these programs link only with functions that the user's project brings along.
    option = "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY"
    folder = build(tmp_path, compiler, flags, option, targets=LIBRARIES)
    plain = builds.of(compiler) / "shim"
    archive = folder / "shim/libraceshim.a"
    assert instrumentation(symbols(archive)) == set()
    assert machine_code(archive) == machine_code(plain / "libraceshim.a")

    shared = folder / "shim/libraceshim.so"
    dynamic = run("readelf", "-d", shared)
    assert re.findall(r"NEEDED.*\[(.*)\]", dynamic) == ["libc.so.6"]
    defined = {s.name for s in symbols("-D", "--defined-only", shared)}
    assert defined == exports(archive)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "flag",
    [
        "-fsanitize=thread",
        "-fsanitize=address",
        "--coverage",
        "-fprofile-generate",
        "-finstrument-functions",
        "-fsanitize-coverage=trace-pc",
        "-pg",
    ],
)
def test_an_instrumented_object_is_seen(compiler: str, flag: str, tmp_path: Path) -> None:
    archive = tmp_path / "libraceshim.a"
    include = [f"-I{ROOT / 'shim/include'}", f"-I{ROOT / 'annotations/include'}"]
    for source in ("copy_out.c", "counters.c"):
        run(
            compiler, "-std=gnu11", "-O2", "-D_GNU_SOURCE", *include, flag,
            "-c", ROOT / "shim/src/core" / source, "-o", tmp_path / f"{source}.o",
        )  # fmt: skip
        run("ar", "rcs", archive, tmp_path / f"{source}.o")
    assert instrumentation(symbols(archive)) - {"rsh_memcpy_sig"}

    # The build itself looks for the same.
    check = ["cmake", "-DNM=nm", f"-DARCHIVE={archive}", "-P"]
    checker = str(ROOT / "cmake/check_uninstrumented.cmake")
    done = subprocess.run([*check, checker], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "is instrumented" in done.stderr


def exports(archive: Path) -> set[str]:
    """Return the names that an archive's objects define for programs outside the library."""
    hidden = {
        fields[-1]
        for line in run("readelf", "--symbols", "--wide", archive).splitlines()
        if "HIDDEN" in (fields := line.split())
    }
    return {s.name for s in symbols("--defined-only", "-g", archive)} - hidden


@pytest.mark.parametrize("compiler", COMPILERS)
def test_only_the_public_functions_are_exported(compiler: str, builds: Builds) -> None:
    built = builds.of(compiler) / "shim"
    archive = built / "libraceshim.a"
    public = {
        name
        for header in ROOT.glob("shim/include/raceshim/*.h")
        for name in re.findall(r"^RSH_API [^;(]*?\*?(\w+)[(;]", header.read_text(), re.MULTILINE)
    }
    assert "rsh_copy_out" in public
    assert exports(archive) == public | INTERPOSED | ASKED
    assert all(
        s.name.startswith(("rsh_", "rshi_", "__wrap_")) or s.name in INTERPOSED | ASKED
        for s in symbols("--defined-only", "-g", archive)
    )
    shared = symbols("-D", "--defined-only", built / "libraceshim.so")
    assert {s.name for s in shared} == public | INTERPOSED | ASKED


def test_every_hook_in_the_archive_is_listed_and_weak(sdk: Path) -> None:
    weak = {s.name for s in symbols(sdk / "lib/libraceshim.a") if s.kind == "w"}
    assert weak == WEAK
