# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim audit` finds what is planted in testdata/audit, and nothing where nothing is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from raceshim._errors import RaceshimError, UsageError
from raceshim.audit._lists import INTERCEPTED
from raceshim.audit._main import main
from shim_builds import COMPILERS, ROOT, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TESTDATA = ROOT / "testdata/audit"
THREAD = "-fsanitize=thread"
Json = dict[str, Any]


class Planted(NamedTuple):
    """What a program must be found to do: the kinds, and the functions on the way."""

    program: str
    flags: str
    kinds: str
    path: str


PLANTED = (
    Planted("struct_copy.c", "-c", "interceptable", "on_profile keep memcpy"),
    Planted("allocates.c", "", "interceptable unsafe", "on_alarm note grow malloc"),
    Planted("prints.c", "", "interceptable unsafe", "on_interrupt printf"),
    Planted("instrumented.c", f"-c {THREAD}", "instrumented", "on_tick count __tsan_func_entry"),
    Planted("instrumented.c", THREAD, "instrumented", "on_tick count __tsan_func_entry"),
    Planted("walks.c", "-c -fPIC", "interceptable unsafe", "on_profile backtrace"),
    Planted("walks.c", THREAD, "interceptable unsafe", "on_profile backtrace"),
    Planted("library_tls.c", "-fPIC -shared", "tls", "take_sample_sig __tls_get_addr"),
    Planted("library_tls.c", "-fPIC -c", "tls", "take_sample_sig __tls_get_addr"),
    Planted("jumps.c", "-c", "unsafe", "on_end give_up exit"),
    Planted("jumps.c", "-fno-plt", "unsafe", "on_end give_up exit"),
    Planted("writes.c", "", "interceptable", "on_hangup write"),
)
CLEAN = (
    ("clean.c", ""),
    ("clean.c", "-c"),
    ("clean.c", "-static"),
    ("instrumented.c", ""),
    ("library_tls.c", "-fPIC -shared -DINITIAL_EXEC"),
    ("library_tls.c", "-fPIC -c -DINITIAL_EXEC"),
)
HANDLERS = set(re.findall(r"^HANDLER\((\w+),", (TESTDATA / "installs.c").read_text(), re.MULTILINE))


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    def built(compiler: str, program: str, *flags: str) -> Path:
        made = tmp_path / f"{program.removesuffix('.c')}{len(list(tmp_path.iterdir()))}"
        run(compiler, *flags, TESTDATA / program, "-o", made)
        return made

    return built


def audit(tmp_path: Path, *arguments: str | Path, status: int = 0) -> Json:
    result = tmp_path / "audit.json"
    words = [str(word) for word in arguments]
    assert main(["--json", str(result), *words]) == status
    found: Json = json.loads(result.read_text())
    assert found["exit_code"] == status
    return found


def paths(found: Json) -> set[tuple[str, str]]:
    return {
        (" ".join(one["kinds"]), " ".join(hop["function"] for hop in one["path"]))
        for one in found["violations"]
    }


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: f"{one.program} {one.flags}")
def test_what_is_planted_is_found(
    build: Callable[..., Path], tmp_path: Path, planted: Planted, compiler: str, level: str
) -> None:
    binary = build(compiler, planted.program, level, *planted.flags.split())
    found = paths(audit(tmp_path, binary, status=1))
    # gcc makes clones of functions.
    assert (planted.kinds, planted.path) in {(k, re.sub(r"\.\w+\.\d+", "", p)) for k, p in found}
    if THREAD not in planted.flags:
        assert {path.split()[0] for _, path in found} == {planted.path.split()[0]}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(("program", "flags"), CLEAN)
def test_clean_handlers_are_clean(
    build: Callable[..., Path], tmp_path: Path, program: str, flags: str, compiler: str
) -> None:
    for level in ("-O0", "-O2"):
        found = audit(tmp_path, build(compiler, program, level, *flags.split()))
        assert found["roots"]
        assert found["indirect"] == []


@pytest.mark.parametrize("dialect", ["gcc-12", "clang-19"])
@pytest.mark.parametrize("kind", ["-c", "-shared"])
def test_thread_local_descriptors_are_found(
    build: Callable[..., Path], tmp_path: Path, dialect: str, kind: str
) -> None:
    flags = ("-O2", "-fPIC", kind, "-mtls-dialect=gnu2")
    found = audit(tmp_path, build(dialect, "library_tls.c", *flags), status=1)
    assert paths(found) == {("tls", "take_sample_sig __tls_descriptor")}
    assert found["indirect"] == []


@pytest.mark.parametrize("flags", ["-c", "-O1 -c -fPIC", "-O2", "-O3 -no-pie", "-Os -fno-plt"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_handlers_are_found_where_they_are_installed(
    build: Callable[..., Path], tmp_path: Path, flags: str, compiler: str
) -> None:
    found = audit(tmp_path, build(compiler, "installs.c", *flags.split()))
    roots = {one["function"].removeprefix("handles_") for one in found["roots"]}
    assert roots == HANDLERS | {"information"}
    # What is in a variable may have been replaced when it is installed.
    assert {one["function"] for one in found["not_found"]} == {"main"}


def test_handlers_are_found_in_static_programs(build: Callable[..., Path], tmp_path: Path) -> None:
    found = audit(tmp_path, build("clang-19", "installs.c", "-O2", "-static"))
    roots = {one["function"].removeprefix("handles_") for one in found["roots"]}
    assert roots >= HANDLERS | {"information"}


def test_sections_names_and_people_make_roots(build: Callable[..., Path], tmp_path: Path) -> None:
    library = build("clang-19", "marked.c", "-O2", "-fPIC", "-shared")
    found = audit(tmp_path, library, status=1)
    assert {one["function"]: one["why"] for one in found["roots"]} == {
        "by_section": "its section rsh_sig",
        "by_name_sig": "its name: *_sig",
    }
    found = audit(tmp_path, "--root", "by_opt*", library, status=1)
    assert ("interceptable unsafe", "by_option realloc") in paths(found)
    with pytest.raises(UsageError, match="by_nobody: there is no such function"):
        main(["--root", "by_nobody", str(library)])


def test_a_call_through_a_pointer_is_listed(build: Callable[..., Path], tmp_path: Path) -> None:
    program = build("gcc-12", "points.c", "-O2")
    found = audit(tmp_path, program)
    (indirect,) = found["indirect"]
    assert [hop["function"] for hop in indirect["path"]] == ["on_user"]
    found = audit(tmp_path, "--root", "twice", program)
    assert {one["function"] for one in found["roots"]} == {"on_user", "twice"}


@pytest.mark.parametrize("flags", ["-O2", "-O2 -no-pie -fno-pie", "-O2 -c -fPIC"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_jump_through_a_table_of_functions_is_no_switch(
    build: Callable[..., Path], tmp_path: Path, compiler: str, flags: str
) -> None:
    found = audit(tmp_path, build(compiler, "table.c", *flags.split()), status=1)
    assert paths(found) == {("interceptable unsafe", "on_user keep malloc")}
    assert [one["kind"] for one in found["indirect"]] == ["jump"]


def for_aarch64(folder: Path, program: str, *flags: str) -> Path:
    """Compile for a processor for which there are no headers: this one's will do here."""
    text, made = folder / f"{program}.i", folder / f"{program}{len(flags)}.o"
    run("clang-19", "-E", TESTDATA / program, "-o", text)
    target = ("--target=aarch64-linux-gnu", "-x", "cpp-output")
    run("clang-19", *target, *flags, "-c", text, "-o", made)
    return made


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize(
    "planted", [p for p in PLANTED if p.flags in ("", "-c")], ids=lambda one: one.program
)
def test_what_is_planted_is_found_in_objects_for_aarch64(
    tmp_path: Path, planted: Planted, level: str
) -> None:
    found = audit(tmp_path, for_aarch64(tmp_path, planted.program, level), status=1)
    assert (planted.kinds, planted.path) in paths(found)


def test_objects_for_aarch64_are_read(tmp_path: Path) -> None:
    for flags in (["-O2", "-fPIC"], ["-O1", "-fPIC", "-fno-plt"]):
        found = audit(tmp_path, for_aarch64(tmp_path, "installs.c", *flags))
        roots = {one["function"].removeprefix("handles_") for one in found["roots"]}
        assert roots == HANDLERS | {"information"}
    library = for_aarch64(tmp_path, "library_tls.c", "-O2", "-fPIC")
    assert paths(audit(tmp_path, library, status=1)) == {
        ("tls", "take_sample_sig __tls_descriptor")
    }
    own = for_aarch64(tmp_path, "clean.c", "-O2")
    assert audit(tmp_path, own)["indirect"] == []


def test_the_way_is_told_from_the_root(
    build: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    program = build("clang-19", "allocates.c", "-O1")
    assert main([str(program)]) == 1
    text = re.sub(r"\+0x[0-9a-f]+", "+N", capsys.readouterr().out).replace(str(program), "FILE")
    assert text.splitlines() == [
        "malloc: interceptable, unsafe",
        "  interceptable: a detector puts a function of its own there",
        "  unsafe: not async-signal-safe",
        "    on_alarm  in FILE, a root: handler for signal in main+N",
        "    -> note  called at on_alarm+N  in FILE",
        "    -> grow  called at note+N  in FILE",
        "    -> malloc  called at grow+N",
        "",
        "raceshim: violations: 1 root, 3 functions, 1 violation, 0 indirect calls",
    ]


def test_nothing_known_is_not_clean(
    build: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripped = build("clang-19", "allocates.c", "-O1", "-s")
    assert main([str(stripped)]) == 4
    told = capsys.readouterr().out
    assert "it is stripped" in told
    assert "raceshim: inconclusive" in told
    quiet = tmp_path / "quiet.c"
    quiet.write_text("int main(void)\n{\n\treturn 0;\n}\n")
    run("clang-19", quiet, "-o", tmp_path / "quiet")
    assert main([str(tmp_path / "quiet")]) == 4
    assert "no handler was found" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [b"", b"text\n", b"\x7fELF" + bytes(100), b"!<arch>\nnonsense" + bytes(60), b"BC\xc0\xde"],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(RaceshimError, match="file") as error:
        main([str(file)])
    assert error.value.exit_code == 4


def test_damaged_files_never_end_in_a_traceback(build: Callable[..., Path], tmp_path: Path) -> None:
    whole = [
        build("gcc-12", "installs.c", "-O1", "-c").read_bytes(),
        build("clang-19", "library_tls.c", "-O1", "-fPIC", "-shared").read_bytes(),
    ]
    file = tmp_path / "damaged"
    ends = set()
    for number in range(150):
        data = bytearray(whole[number % 2])
        # The headers, the tables at the end, and anywhere.
        spots = (number * 7 % 64, len(data) - 1 - number * 29 % 900, number * 977 % len(data))
        for spot in spots[: 1 + number % 3]:
            data[spot] ^= 1 << number % 8
        if number % 10 == 9:
            del data[len(data) * number // 150 :]
        file.write_bytes(data)
        try:
            ends.add(main(["--json", str(tmp_path / "out"), str(file)]))
        except RaceshimError as error:
            ends.add(error.exit_code)
    assert ends <= {0, 1, 4}
    assert 4 in ends


def test_an_answer_holds_for_what_it_says_only(build: Callable[..., Path], tmp_path: Path) -> None:
    program = build("clang-19", "writes.c", "-O2")
    answers = tmp_path / "audit.toml"
    answers.write_text(
        '[[allow]]\nfunction = "*"\nkinds = ["interceptable"]\nreason = "installed by sigaction"\n'
    )
    found = audit(tmp_path, "--allow", answers, program)
    assert found["allowed"] == 2
    worse = build("clang-19", "allocates.c", "-O2")
    assert {kinds for kinds, _ in paths(audit(tmp_path, "--allow", answers, worse, status=1))} == {
        "unsafe"
    }
    answers.write_text(
        '[[allow]]\nfunction = "malloc"\nfrom = "note"\nreason = "not from there"\n'
        '[[allow]]\nfunction = "mal*"\nfrom = "gr?w"\nreason = "an arena of its own"\n'
    )
    found = audit(tmp_path, "--allow", answers, worse)
    (unused,) = found["unused_allow"]
    assert unused["reason"] == "not from there"


def test_names_that_make_roots_can_be_others(build: Callable[..., Path], tmp_path: Path) -> None:
    library = build("clang-19", "marked.c", "-O2", "-fPIC", "-shared")
    answers = tmp_path / "audit.toml"
    answers.write_text('names = ["by_o*"]\n')
    found = audit(tmp_path, "--allow", answers, library, status=1)
    assert {one["function"] for one in found["roots"]} == {"by_section", "by_option"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("allow = 1", "no list"),
        ("other = 1", "no key 'other'"),
        ("names = 1", "no list of texts"),
        ('[[allow]]\nfunction = "f"', "reason is missing"),
        ('[[allow]]\nreason = "r"', "function is missing"),
        ('[[allow]]\nfunction = "f"\nreason = "r"\nuntil = 1', "no key 'until'"),
        ('[[allow]]\nfunction = "f"\nreason = "r"\nkinds = ["bad"]', "kinds are some of"),
        ("[", "audit.toml"),
    ],
)
def test_a_wrong_answer_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "audit.toml").write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)):
        main(["--allow", str(tmp_path / "audit.toml"), "program"])


def test_our_own_handlers_pass(sdk: Path, tmp_path: Path) -> None:
    archive = sdk / "lib/libraceshim.a"
    found = audit(tmp_path, "--allow", ROOT / "shim/audit.toml", archive)
    assert found["unused_allow"] == []
    defined = set(re.findall(r" T (\w+_sig)$", run("nm", archive), re.MULTILINE))
    assert len(defined) > 50
    assert {one["function"] for one in found["roots"]} >= defined
    # Without the answer it is told, so the audit does look.
    found = audit(tmp_path, archive, status=1)
    assert {path.split()[-1] for _, path in paths(found)} == {"_dl_find_object"}


def test_a_copy_in_our_own_archive_is_found(sdk: Path, tmp_path: Path) -> None:
    archive = tmp_path / "libraceshim.a"
    archive.write_bytes((sdk / "lib/libraceshim.a").read_bytes())
    source = tmp_path / "planted_sig.c"
    source.write_text(
        "struct row { long pc[8192]; };\n"
        "void rsh_memcpy_sig(void *, const void *, unsigned long);\n"
        "void planted_sig(struct row *, struct row *);\n"
        "void planted_sig(struct row *a, struct row *b)\n"
        "{\n\t*a = *b;\n\trsh_memcpy_sig(a, b, 8);\n}\n"
    )
    run("clang-19", "-O2", "-c", source, "-o", tmp_path / "planted_sig.o")
    run("ar", "rs", archive, tmp_path / "planted_sig.o")
    found = audit(tmp_path, "--allow", ROOT / "shim/audit.toml", archive, status=1)
    assert paths(found) == {("interceptable", "planted_sig memcpy")}
    thin = tmp_path / "thin.a"
    run("ar", "--thin", "-rcs", thin, tmp_path / "planted_sig.o")
    found = audit(tmp_path, thin, status=1)
    assert ("unsafe", "planted_sig rsh_memcpy_sig") in paths(found)


def test_every_interceptor_of_the_runtimes_is_known() -> None:
    runtimes = [
        run(compiler, "-print-file-name=libclang_rt.tsan-x86_64.a").strip()
        for compiler in ("clang-14", "clang-19")
    ]
    shared = run("gcc-12", "-print-file-name=libtsan.so").strip()
    listing = "".join(
        subprocess.run(["nm", *options], capture_output=True, text=True, check=True).stdout
        for options in ([runtimes[0]], [runtimes[1]], ["-D", shared])
    )
    found = set(
        re.findall(r" [TW] _{2,3}interceptor_(?:trampoline_)?(\w+)$", listing, re.MULTILINE)
    )
    assert len(found) > 500
    assert found - INTERCEPTED == set()


@pytest.mark.parametrize("library", ["capstone", "elftools"])
def test_without_its_libraries_the_audit_says_what_to_install(
    build: Callable[..., Path], library: str
) -> None:
    hidden = f"import sys; sys.modules['{library}'] = None; from raceshim._cli import main; "
    words = ["audit", str(build("gcc-12", "jumps.c"))]
    command = [sys.executable, "-c", f"{hidden}sys.exit(main({words}))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.endswith("pip install 'raceshim[audit]'\n")
    assert "Traceback" not in done.stderr


def test_the_command_is_there(raceshim: Callable[..., Any], build: Callable[..., Path]) -> None:
    done = raceshim("audit", build("clang-19", "prints.c", "-O1"), status=1)
    assert "printf: interceptable, unsafe" in done.stdout
