# SPDX-License-Identifier: BSD-2-Clause
"""Profiles that the library writes: what pprof's own tools and protobuf read, and the names."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from raceshim.prof._read import read_file
from shim_builds import ROOT, run

#: The schema as pprof's makers publish it, from the Debian package of pprof's sources.
SCHEMA = Path("/usr/share/gocode/src/github.com/google/pprof/proto")
INCLUDE = [f"-I{ROOT / folder}" for folder in ("shim/src", "shim/include")]
GO = pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed")

#: What every build of the program names, whatever linker and detector it was made with.
NAMES = {
    "called": ["ends_in_call", "ends_in_call", "follows"],
    "exact": ["follows"],
    "no size": ["has_no_size"],
    "behind it": ["ends"],
    "two names": ["made_up"],
    "libc": ["qsort_r"],
    "vdso": ["clock_gettime"],
    "nowhere": ["?+0x10"],
}


@dataclass(frozen=True, slots=True)
class Build:
    """One way to make the program."""

    compiler: str
    flags: tuple[str, ...]

    @property
    def is_stripped(self) -> bool:
        """Whether there is only what the program exports."""
        return "-s" in self.flags

    @property
    def is_tsan(self) -> bool:
        """Whether ThreadSanitizer's runtime is in it."""
        return "-fsanitize=thread" in self.flags

    def __str__(self) -> str:
        """Return the test's name."""
        return "".join((self.compiler, *self.flags))


BUILDS = [
    Build("clang-19", ("-pie", "-fPIE")),
    Build("clang-19", ("-no-pie",)),
    Build("clang-19", ("-s", "-rdynamic")),
    Build("clang-14", ("-no-pie", "-Wl,-z,noseparate-code")),
    Build("gcc-12", ("-pie", "-fPIE", "-Wl,--build-id=none")),
    Build("gcc-12", ("-no-pie",)),
    Build("clang-19", ("-fsanitize=thread",)),
    Build("clang-14", ("-fsanitize=thread",)),
    Build("gcc-12", ("-fsanitize=thread",)),
]


def decode(path: Path) -> str:
    """Return what protobuf's own decoder makes of a profile, by the published schema."""
    command = ["protoc", f"-I{SCHEMA}", "--decode=perftools.profiles.Profile", "profile.proto"]
    done = subprocess.run(
        command, input=gzip.decompress(path.read_bytes()), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    # A field that the schema does not know is printed by its number.
    assert not re.search(r"^\s*\d+[:{ ]", text, re.MULTILINE), text
    return text


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two libraries that differ in little."""
    folder = tmp_path_factory.mktemp("plugins")
    for number in (1, 2):
        source = folder / f"plugin{number}.c"
        source.write_text(
            f"int plugin_name_{number}(void);\nint plugin_work(void);\n"
            f"int plugin_name_{number}(void)\n{{\n\treturn {number};\n}}\n"
            f'extern int plugin_work(void) __attribute__((alias("plugin_name_{number}")));\n'
        )
        run("clang-19", "-shared", "-fPIC", source, "-o", source.with_suffix(".so"))
    return [folder / f"plugin{number}.so" for number in (1, 2)]


def compile_names(build: Build, sdk: Path, program: Path) -> Path:
    """Make the program that profiles places with known names."""
    run(
        build.compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-pthread", *build.flags, *INCLUDE,
        ROOT / "tests/c/names.c", sdk / "lib/libraceshim.a", "-ldl", "-o", program,
    )  # fmt: skip
    return program


def named(path: Path) -> dict[str, list[str]]:
    """Return the names of each stack, by its label."""
    return {
        str(label.value): [frame.name for frame in sample.stack]
        for sample in read_file(path).samples
        for label in sample.labels
    }


def misnamed(found: dict[str, list[str]]) -> set[str]:
    """Return the stacks with other names than those that every build of the program has."""
    wrong = {case for case, names in NAMES.items() if found.get(case) != names}
    # The handler's frame returns to libc; both sides of it were interrupted, not called.
    *above, restorer, next_one, last = found["interrupted"]
    if [*above, next_one, last] != ["ends_in_call", "follows", "follows", "ends_in_call"]:
        wrong.add("interrupted")
    if not re.fullmatch(r"__restore_rt|libc\.so\.6\+0x\w+", restorer):
        wrong.add("restorer")
    if not re.fullmatch(r"\w+\+0x\w+", found["gap"][0]):
        wrong.add("gap")
    return wrong


@pytest.mark.parametrize("build", BUILDS, ids=str)
def test_names_come_from_symbol_tables(build: Build, sdk: Path, tmp_path: Path) -> None:
    program = compile_names(build, sdk, tmp_path / "names")
    profile = tmp_path / "profile.pb.gz"
    run(program, profile)
    decode(profile)
    found = named(profile)
    assert misnamed(found) == set()
    if build.is_stripped:
        assert re.fullmatch(r"names\+0x\w+", found["static"][0])
    else:
        assert found["static"] == ["add_frames"]
    assert ("tsan" in found) == build.is_tsan
    if build.is_tsan:
        assert found["tsan"] == ["__tsan_func_entry"]
    first = read_file(profile).mappings[0]
    assert first.module.path == str(program)
    notes = run("readelf", "--notes", program)
    assert first.module.build_id == "".join(re.findall(r"Build ID: (\w+)", notes))


@pytest.mark.parametrize(
    "build",
    [
        Build("gcc-12", ("-no-pie", "-Wl,-z,lazy")),
        Build("gcc-12", ("-no-pie", "-Wl,-z,now")),
        Build("clang-19", ("-no-pie", "-s")),
        Build("clang-14", ("-no-pie", "-fcf-protection=full", "-Wl,-z,ibtplt")),
    ],
    ids=str,
)
def test_stubs_have_the_names_of_what_they_call(build: Build, sdk: Path, tmp_path: Path) -> None:
    program = compile_names(build, sdk, tmp_path / "names")
    sections = ("-j", ".plt", "-j", ".plt.got", "-j", ".plt.sec")
    listing = run("objdump", "-d", "--no-show-raw-insn", *sections, program)
    stubs = dict(re.findall(r"^0*(\w+) <(\w+@plt)>:", listing, re.MULTILINE))
    assert {"dlopen@plt", "fopen@plt"} <= set(stubs.values())
    profile = tmp_path / "profile.pb.gz"
    run(program, profile, "stubs", *stubs)
    found = named(profile)
    assert {address: found[address] for address in stubs} == {
        address: [name] for address, name in stubs.items()
    }


def test_what_was_unloaded_keeps_its_name(sdk: Path, plugins: list[Path], tmp_path: Path) -> None:
    program = compile_names(BUILDS[0], sdk, tmp_path / "names")
    profile = tmp_path / "profile.pb.gz"
    same_address = run(program, profile, "plugin", *plugins)
    found = named(profile)
    assert found["plugin"] == ["plugin_work"]
    assert found["other plugin"] == ["plugin_work"]
    modules = {
        sample.labels[0].value: sample.stack[0].module.path for sample in read_file(profile).samples
    }
    assert modules["plugin"] == str(plugins[0])
    assert modules["other plugin"] == str(plugins[1])
    # Else nothing has come to the place of anything.
    assert same_address == "1\n"


@pytest.mark.parametrize("unload", [False, True])
@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_files_that_are_not_what_was_loaded_give_no_names(
    sdk: Path, style: str, tmp_path: Path, *, unload: bool
) -> None:
    program = compile_names(BUILDS[0], sdk, tmp_path / "names")
    profile = tmp_path / "profile.pb.gz"
    lost, swapped, other = (tmp_path / f"{name}.so" for name in ("lost", "swapped", "other"))
    source = tmp_path / "plugin.c"
    for library in (lost, swapped, other):
        # The functions around it have other names in each.
        names = [f"{library.stem}_{number}" for number in range(20)] + ["plugin_work"]
        source.write_text(
            "".join(
                f"int {name}(void);\nint {name}(void)\n{{\n\treturn {number};\n}}\n"
                for number, name in enumerate(sorted(names))
            )
        )
        run("clang-19", "-shared", "-fPIC", f"-Wl,--hash-style={style}", source, "-o", library)
    run(program, profile, *(["unload"] if unload else []), "lose", lost, "swap", swapped, other)
    found = named(profile)
    if not unload:  # There are still the symbols in memory.
        assert found["lost plugin"] == found["swapped plugin"] == ["plugin_work"]
        assert read_file(profile).comments == ()
        return
    assert re.fullmatch(r"lost\.so\+0x\w+", found["lost plugin"][0])
    assert re.fullmatch(r"swapped\.so\+0x\w+", found["swapped plugin"][0])
    assert set(read_file(profile).comments) == {
        f"no symbols of {lost}: the file cannot be read",
        f"no symbols of {swapped}: the file was replaced after it was loaded",
    }


def test_the_first_thread_may_have_ended(sdk: Path, tmp_path: Path) -> None:
    program = compile_names(BUILDS[0], sdk, tmp_path / "names")
    profile = tmp_path / "profile.pb.gz"
    run(program, profile, "orphan")
    assert misnamed(named(profile)) == set()
    # The program's file can be found, too.
    profile.unlink()
    run(program, profile, "orphan", "vanish")
    assert misnamed(named(profile)) == set()


def test_a_program_that_is_gone_still_has_names(sdk: Path, tmp_path: Path) -> None:
    program = compile_names(BUILDS[0], sdk, tmp_path / "names")
    profile = tmp_path / "profile.pb.gz"
    run(program, profile, "vanish")
    assert not program.exists()
    assert named(profile)["called"] == NAMES["called"]
    assert read_file(profile).comments == ()


@pytest.fixture(scope="module")
def example(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example profile of the C test."""
    folder = tmp_path_factory.mktemp("example")
    hooks = ("mmap", "munmap", "mremap")
    sources = [ROOT / "tests/c/allocations.c"]
    sources += [
        ROOT / "shim/src" / name
        for name in ("core/grow.c", "core/symbols.c", "encode/pprof.c", "encode/pprof_write.c")
    ]
    run(
        "clang-19", "-std=gnu11", "-D_GNU_SOURCE", "-O1", *INCLUDE,
        *(f"-Drshi_{name}_sig=counted_{name}_sig" for name in hooks),
        ROOT / "tests/c/test_pprof.c", *sources, sdk / "lib/libraceshim.a",
        "-o", folder / "test_pprof",
    )  # fmt: skip
    run(folder / "test_pprof", folder / "example.pb.gz")
    return folder / "example.pb.gz"


def test_the_example_is_what_was_put_into_it(example: Path) -> None:
    profile = read_file(example)
    worker = (("thread", "wörker", ""), ("tid", 7, "id"))
    broken = (("broken", "a??(???z", ""), ("minus", -1, ""))
    stacks = [
        ([frame.name for frame in sample.stack], sample.values, tuple(map(tuple, sample.labels)))
        for sample in profile.samples
    ]
    three = ["?+0x10", "?+0x2000", "?+0x3000"]
    assert stacks == [
        (three, (3, 30_000_000), worker),
        (three, (1, 10_000_000), worker + broken),
        (["?+0x10", "?+0x2000"], (1, 10_000_000), ()),
        (["_LostOverflow"], (2**63 - 1, -(2**63)), ()),
    ]
    assert [tuple(kind) for kind in profile.types] == [("samples", "count"), ("cpu", "nanoseconds")]
    assert (tuple(profile.period_type), profile.period) == (("cpu", "nanoseconds"), 10_000_000)
    assert (profile.time, profile.duration) == (1_700_000_000_000_000_000, 5_000_000_000)
    assert profile.comments == ("clock: a test", "")
    assert profile.default_type == "samples"


def test_gzip_and_protoc_read_the_example(example: Path) -> None:
    run("gzip", "--test", example)
    text = decode(example)
    # Exactly one location of each place, one function of each name.
    assert len(re.findall(r"^location \{", text, re.MULTILINE)) == 5
    assert re.findall(r'^string_table: "(_\w+)"', text, re.MULTILINE) == [
        "_LostExtra", "_LostOverflow",
    ]  # fmt: skip


@GO
def test_go_reads_what_the_library_writes(sdk: Path, example: Path, tmp_path: Path) -> None:
    raw = run("go", "tool", "pprof", "-symbolize=none", "-raw", example)
    assert re.search(r"^\s*3\s+30000000: 1 2 3\s*$", raw, re.MULTILINE)
    assert "_LostOverflow" in raw
    program = compile_names(BUILDS[0], sdk, tmp_path / "names")
    profile = tmp_path / "profile.pb.gz"
    run(program, profile)
    top = run("go", "tool", "pprof", "-symbolize=none", "-nodecount=100", "-top", profile)
    assert {"ends_in_call", "follows", "qsort_r", "clock_gettime"} <= set(top.split())
