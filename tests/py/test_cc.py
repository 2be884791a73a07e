# SPDX-License-Identifier: BSD-2-Clause
"""The compiler wrapper: what it adds, and that nothing else about the compiler changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness_programs import COMPILERS, Raceshim, source
from raceshim.cc import _command as _cc
from raceshim.cc import _prefix
from raceshim.cc._compilers import find

CLANG, GCC = find("clang-19"), find("gcc-12")
HELLO = "int main(void) { return 0; }\n"


@pytest.fixture(autouse=True)
def _sdk(sdk_environment: dict[str, str]) -> None:
    """Let `_prefix` find what `_cc` adds."""


def added(arguments: str, *, compiler: str = "clang-19", detector: str = "thread") -> set[str]:
    """Return what the wrapper adds to a compiler's arguments, which it must leave as they are."""
    words = arguments.split()
    line = _cc.command(find(compiler), detector, words, cxx=False)
    text = " ".join(line[1:])
    assert arguments in text
    return set(text.replace(arguments, "", 1).split())


def links_shim(arguments: str) -> bool:
    return _prefix.archive() in added(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        "x.c -o x",
        "x.o y.o -o x",
        "-O2 x.c",
        "-shared x.o -o libx.so",
        "-x c -",
        "-x c - -o x",
        "-v x.c",
        "-MD -MF x.d x.c -o x",
        "x.s -o x",
        "-o x -I c x.c",
        "-nostdlib -shared x.o",
        "-x none x.h x.o",
    ],
)
def test_linking_adds_the_shim(arguments: str) -> None:
    assert links_shim(arguments)
    assert "-fsanitize=thread" in added(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        "-c x.c",
        "-c x.c -o x.o",
        "-E x.c",
        "-S x.c",
        "-M x.c",
        "-MM x.c",
        "-fsyntax-only x.c",
        "x.h",
        "-x c-header x.h",
        "-xc++-header x",
        "-r x.o y.o -o z.o",
        "--analyze x.c",
    ],
)
def test_other_steps_add_the_detector_but_not_the_shim(arguments: str) -> None:
    assert not links_shim(arguments)
    assert "-fsanitize=thread" in added(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        "--version",
        "-v",
        "-dumpmachine",
        "-dumpversion",
        "-print-prog-name=ld",
        "--print-search-dirs",
        "-print-file-name=libc.so x.c",
        "--help",
        "-cc1 -triple x86_64",
        "",
        "-o x",
        "-I x.c",
    ],
)
def test_questions_are_passed_on_untouched(arguments: str) -> None:
    assert added(arguments) == set()


def test_response_files_are_looked_into(tmp_path: Path) -> None:
    (tmp_path / "compile").write_text("-c 'a file.c'\n")
    (tmp_path / "link").write_text("a.o b.o")
    assert not links_shim(f"@{tmp_path}/compile")
    assert links_shim(f"@{tmp_path}/link -o x")


def test_project_flags_win() -> None:
    line = _cc.command(CLANG, "thread", ["-fno-sanitize=all", "-g0", "-c", "x.c"], cxx=False)
    assert line.index("-fsanitize=thread") < line.index("-fno-sanitize=all")
    assert line.index("-g") < line.index("-g0")


def test_detector_none_adds_headers_and_shim_only() -> None:
    assert not any("sanitize" in word for word in added("x.c", detector="none"))
    assert _prefix.archive() in added("x.c", detector="none")


def test_cxx_is_the_other_command() -> None:
    assert _cc.command(CLANG, "thread", ["x.cc"], cxx=True)[0].endswith("clang++-19")
    assert _cc.command(GCC, "thread", ["x.cc"], cxx=True)[0].endswith("g++-12")


def test_own_options_end_at_the_first_that_is_not_one() -> None:
    given, rest = _cc.split_options(["--detector=memory", "--compiler", "gcc", "-c", "--detector"])
    assert given == {"detector": "memory", "compiler": "gcc"}
    assert rest == ["-c", "--detector"]


def test_wrapper_imports_nothing_heavy() -> None:
    code = (
        "import os, sys; before = set(sys.modules); import raceshim.cc._command; "
        "print(*sorted(set(sys.modules) - before))"
    )
    environ = os.environ | {"PYTHONPATH": str(Path(_cc.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    own = {
        "raceshim",
        *(f"raceshim.{m}" for m in ["_errors", "_option_values", "_options", "cc"]),
        *(f"raceshim.cc.{m}" for m in ["_command", "_compilers", "_prefix"]),
    }
    assert set(done.stdout.split()) - {"__future__"} == own


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.c").write_text(HELLO)
    (tmp_path / "broken.c").write_text("int main(void) { return }\n")
    return tmp_path


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["-dumpmachine"],
        ["-print-prog-name=ld"],
        ["-print-search-dirs"],
        ["-v"],
        ["-fsyntax-only", "broken.c"],
        ["-c", "missing.c"],
        ["--no-such-option", "hello.c"],
        [],
        ["-M", "hello.c"],
        ["-E", "-P", "hello.c"],
        ["-Wall", "-Wextra", "-Werror", "hello.c", "-o", "hello"],
    ],
    ids=" ".join,
)
def test_output_and_exit_status_are_the_compilers(
    raceshim: Raceshim, folder: Path, compiler: str, arguments: list[str]
) -> None:
    bare = subprocess.run(
        [shutil.which(compiler) or compiler, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    wrapped = raceshim("cc", "--compiler", compiler, *arguments, cwd=folder, status=None)
    assert wrapped.returncode == bare.returncode
    assert wrapped.stdout == bare.stdout
    assert wrapped.stderr == bare.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
def test_stdin_and_stdout_pass_through(raceshim: Raceshim, tmp_path: Path, compiler: str) -> None:
    options = ("--compiler", compiler)
    assembly = raceshim("cc", *options, "-S", "-x", "c", "-", "-o", "-", stdin=HELLO).stdout
    assert "main:" in assembly
    # `-x c` is in force when the archive is added, which is no C.
    raceshim("cc", *options, "-x", "c", "-", "-o", tmp_path / "x", stdin=HELLO)
    subprocess.run([tmp_path / "x"], check=True)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flags", ["-Werror", "-Werror -Wall"])
def test_no_step_warns_of_what_was_added(
    raceshim: Raceshim, folder: Path, compiler: str, flags: str
) -> None:
    cc = ("cc", "--compiler", compiler, *flags.split())
    assert raceshim(*cc, "-c", "hello.c", cwd=folder).stderr == ""
    assert raceshim(*cc, "hello.o", "-o", "hello", cwd=folder).stderr == ""
    assert raceshim(*cc, "-S", "hello.c", cwd=folder).stderr == ""
    assert raceshim(*cc, "-c", "hello.s", cwd=folder).stderr == ""


def test_fence_stays_a_warning_under_werror(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "f.c").write_text("void f(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }\n")
    bare = ["gcc-12", "-fsanitize=thread", "-Werror", "-c", "f.c"]
    assert subprocess.run(bare, cwd=tmp_path, capture_output=True, check=False).returncode == 1
    done = raceshim("cc", "--compiler", "gcc-12", "-Werror", "-c", "f.c", cwd=tmp_path)
    assert "[-Wtsan]" in done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("language", ["cc", "c++"])
def test_shim_is_there_and_only_where_it_is_used(
    raceshim: Raceshim, tmp_path: Path, compiler: str, language: str
) -> None:
    (tmp_path / "user.c").write_text(
        "#include <raceshim/raceshim.h>\n#include <raceshim/annotate.h>\n#include <stdio.h>\n"
        "int main(void) { int x; RSH_RACE_RELEASE(&x); puts(rsh_version()); return 0; }\n"
    )
    (tmp_path / "other.c").write_text(HELLO)
    cc = (language, "--compiler", compiler, *(("-x", "c++") if language == "c++" else ()))
    for name in ("user", "other"):
        raceshim(*cc, f"{name}.c", "-o", name, cwd=tmp_path)
    version = raceshim("--version").stdout
    ran = subprocess.run([tmp_path / "user"], capture_output=True, text=True, check=True)
    assert ran.stdout == version
    assert " rsh_version" in symbols(tmp_path / "user")
    assert " rsh_" not in symbols(tmp_path / "other")


def symbols(binary: Path) -> str:
    return subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("compiler", COMPILERS)
def test_relocatable_link_leaves_the_runtime_out(
    raceshim: Raceshim, folder: Path, compiler: str
) -> None:
    cc = ("cc", "--compiler", compiler)
    raceshim(*cc, "-c", "hello.c", cwd=folder)
    raceshim(*cc, "-r", "hello.o", "-o", "both.o", cwd=folder)
    assert "T __tsan_init" not in symbols(folder / "both.o")
    raceshim(*cc, "both.o", "-o", "hello", cwd=folder)
    subprocess.run([folder / "hello"], check=True)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("forbid", ["-Wl,--no-undefined", "-Wl,-z,defs", "-Wl,-z,relro,-z,defs"])
def test_shared_library_that_forbids_undefined_symbols_links(
    raceshim: Raceshim, tmp_path: Path, compiler: str, forbid: str
) -> None:
    (tmp_path / "lib.c").write_text("int n; int f(void) { return ++n; }\n")
    (tmp_path / "main.c").write_text("int f(void); int main(void) { return f() - 1; }\n")
    shared = ["-fPIC", "-shared", "lib.c", "-o", "libx.so", forbid]
    bare = subprocess.run(
        [compiler, "-fsanitize=thread", *shared], cwd=tmp_path, capture_output=True, check=False
    )
    assert (bare.returncode != 0) == compiler.startswith("clang")
    raceshim("cc", "--compiler", compiler, *shared, cwd=tmp_path)
    raceshim("cc", "--compiler", compiler, "main.c", "-L.", "-lx", "-o", "main", cwd=tmp_path)
    subprocess.run(
        [tmp_path / "main"], env=os.environ | {"LD_LIBRARY_PATH": "."}, cwd=tmp_path, check=True
    )


def test_options_come_from_the_environment_and_the_command_line_wins(
    raceshim: Raceshim, folder: Path
) -> None:
    env = {"RACESHIM_COMPILER": "gcc-12", "RACESHIM_DETECTOR": "none"}
    raceshim("cc", "-c", "hello.c", cwd=folder, env=env)
    assert "__tsan" not in symbols(folder / "hello.o")
    raceshim("cc", "--detector", "thread", "-c", "hello.c", cwd=folder, env=env)
    assert "__tsan_init" in symbols(folder / "hello.o")
    assert "gcc" in raceshim("cc", "--version", env=env).stdout.lower()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--compiler", "no-such-compiler", "x.c"], "no-such-compiler"),
        (["--compiler", "gcc-12", "--detector", "memory", "x.c"], "memory"),
        (["--detector", "nonsense", "x.c"], "nonsense"),
        (["--detector"], "--detector"),
    ],
)
def test_wrong_own_options_are_usage_errors(
    raceshim: Raceshim, options: list[str], message: str
) -> None:
    assert message in raceshim("cc", *options, status=2).stderr


def test_wrapper_becomes_the_compiler(raceshim: Raceshim, tmp_path: Path) -> None:
    fake = tmp_path / "clang-99"
    fake.write_text('#!/bin/sh\necho "$$"\nexit 42\n')
    fake.chmod(0o755)
    process = subprocess.Popen(
        raceshim.line("cc", "--compiler", fake, "x.c"),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    out, _ = process.communicate()
    assert int(out) == process.pid
    assert process.returncode == 42


def test_compiler_starts_with_the_signals_that_a_shell_gives_it(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    fake = tmp_path / "clang-99"
    # Not SigQ, which counts the timers of all processes of the user.
    fake.write_text("#!/bin/sh\ngrep '^Sig[^Q]' /proc/self/status\n")
    fake.chmod(0o755)
    bare = subprocess.run([fake], capture_output=True, text=True, check=True).stdout
    assert raceshim("cc", "--compiler", fake, "x.c").stdout == bare


CONFIGURE = r"""#!/bin/sh
# What autoconf's scripts do with a compiler: ask, compile, link, run, look for functions.
set -eu
: "${CC:=cc}"
$CC --version >/dev/null && $CC -v >/dev/null 2>&1
try() { echo "checking $1"; }
cat >conftest.c <<'E'
int main(void) { return 0; }
E
try "for the output file name"; $CC conftest.c; test -f a.out; rm a.out
try "whether the compiler works"; $CC -o conftest conftest.c; ./conftest
try "for the suffix of object files"; rm -f conftest.o; $CC -c conftest.c; test -f conftest.o
try "for dependencies"; $CC -MT conftest.o -MD -MP -MF conftest.d -c -o conftest.o conftest.c
grep conftest.o conftest.d >/dev/null
try "preprocessor"; echo '#include <no_such_header.h>' >conftest.c
if $CC -E conftest.c >/dev/null 2>&1; then exit 1; fi
try "for pthread_create"
echo 'char pthread_create(); int main(void) { return pthread_create() == 0; }' >conftest.c
$CC -fno-builtin -o conftest conftest.c -lpthread 2>/dev/null
try "for a function that does not exist"
echo 'char no_such_function(); int main(void) { return no_such_function(); }' >conftest.c
if $CC -o conftest conftest.c 2>/dev/null; then exit 1; fi
try "for the size of long"
echo 'typedef char a[sizeof(long) == 8 ? 1 : -1]; int main(void) { return 0; }' >conftest.c
$CC -c conftest.c
try "for GNU ld"; ld=$($CC -print-prog-name=ld); $ld --version | grep GNU
try "for -Wl,--version"; $CC -Wl,--version 2>/dev/null | grep GNU
rm -f conftest*
echo "CC = $CC" >config.mk
"""
MAKEFILE = """\
include config.mk
all: app
libapp.a: lib.o
\tar rcs $@ $^
%.o: %.c
\t$(CC) -O2 -pthread -c -o $@ $<
app: main.o libapp.a
\t$(CC) -pthread -o $@ main.o -L. -lapp
check: app
\t./app
"""


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("race", [True, False])
def test_configure_and_make_project(
    raceshim: Raceshim, tmp_path: Path, compiler: str, race: bool
) -> None:
    (tmp_path / "configure").write_text(CONFIGURE)
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "lib.c").write_text(source("plain", race=race).replace("int main", "int app"))
    (tmp_path / "main.c").write_text("int app(int, char **); int main(void) { return app(0, 0); }")
    environ = raceshim.environ | {
        "CC": f"{sys.executable} -m raceshim cc",
        "RACESHIM_COMPILER": compiler,
    }
    for command in (["sh", "configure"], ["make", "-s"]):
        subprocess.run(command, cwd=tmp_path, env=environ, check=True, stdout=subprocess.DEVNULL)
    done = raceshim("gate", "--", "make", "-s", "check", cwd=tmp_path, status=int(race))
    assert ("bump_in_thread" in done.stdout) == race


CMAKE = """\
cmake_minimum_required(VERSION 3.20)
project(app C CXX)
include(CheckFunctionExists)
find_package(Threads REQUIRED)
check_function_exists(pthread_create HAVE_CREATE)
check_function_exists(no_such_function_at_all HAVE_NONSENSE)
if(HAVE_NONSENSE OR NOT HAVE_CREATE)
  message(FATAL_ERROR "the compiler's answers are not to be trusted")
endif()
add_library(work SHARED lib.c)
target_link_options(work PRIVATE -Wl,--no-undefined)
target_link_libraries(work PRIVATE Threads::Threads)
add_executable(app main.cc)
target_link_libraries(app work)
enable_testing()
add_test(NAME app COMMAND sh -c "./app >/dev/null 2>&1; true")
"""


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("race", [True, False])
def test_cmake_project_whose_tests_all_pass(
    raceshim: Raceshim, tmp_path: Path, compiler: str, race: bool
) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    (tmp_path / "lib.c").write_text(source("plain", race=race).replace("int main", "int app"))
    (tmp_path / "main.cc").write_text(
        'extern "C" int app(int, char **);\nint main() { return app(0, nullptr); }\n'
    )
    environ = raceshim.environ | {
        "CC": f"{sys.executable} -m raceshim cc",
        "CXX": f"{sys.executable} -m raceshim c++",
        "RACESHIM_COMPILER": compiler,
    }
    for words in (["-G", "Ninja", "-S", ".", "-B", "b"], ["--build", "b"]):
        subprocess.run(
            ["cmake", *words], cwd=tmp_path, env=environ, check=True, stdout=subprocess.DEVNULL
        )
    done = raceshim("gate", "--", "ctest", "--test-dir", "b", cwd=tmp_path, status=int(race))
    assert "100% tests passed" in done.stdout
    assert ("bump_in_thread" in done.stdout) == race


EQUAL = """\
#include <pthread.h>
long hits;
static __attribute__((noinline)) void count_a(void) { hits++; }
static __attribute__((noinline)) void count_b(void) { hits++; }
static void *worker(void *arg) { count_a(); return arg; }
int main(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, worker, 0);
    count_b();
    return pthread_join(thread, 0);
}
"""


def test_functions_with_equal_bodies_keep_their_names(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "equal.c").write_text(EQUAL)

    def called(*flags: str) -> set[str]:
        words = ["--compiler=gcc-12", *flags, "-O2", "equal.c", "-o", "equal", "-pthread"]
        raceshim("cc", *words, cwd=tmp_path).check_returncode()
        code = subprocess.check_output(["objdump", "-d", "equal"], cwd=tmp_path, text=True)
        return set(re.findall(r"call.*<(count_\w)", code))

    assert called() == {"count_a", "count_b"}
    assert len(called("-fipa-icf")) == 1


@pytest.mark.parametrize("compiler", ["clang-19", "gcc-12"])
@pytest.mark.parametrize("word", ["-static", "-static-pie"])
def test_static_programs_have_threads(
    raceshim: Raceshim, tmp_path: Path, compiler: str, word: str
) -> None:
    """The library's pthread_create() finds no next one there, but libc's own."""
    (tmp_path / "prog.c").write_text(
        "#include <pthread.h>\n"
        "static void *begin(void *arg) { return arg; }\n"
        "int main(void) { pthread_t t; int n; return pthread_create(&t, 0, begin, &n) ||\n"
        "    pthread_join(t, 0); }\n"
    )
    words = ("--compiler", compiler, "--detector", "none", "-fPIE", "-pthread", word)
    raceshim("cc", *words, tmp_path / "prog.c", "-o", tmp_path / "prog")
    assert subprocess.run([tmp_path / "prog"], check=False).returncode == 0
