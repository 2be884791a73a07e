# SPDX-License-Identifier: BSD-2-Clause
"""The tests of profiles notice when something that looks superfluous is taken out."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from raceshim.prof._read import read_file
from shim_builds import ROOT, run
from test_pprof import NAMES, misnamed, named

if TYPE_CHECKING:
    from pathlib import Path

SHIM = ROOT / "shim/src"
HOOKS = [f"-Drshi_{name}_sig=counted_{name}_sig" for name in ("mmap", "munmap", "mremap")]
COMPILE = [
    "clang-19", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-pthread",
    *(f"-I{ROOT / folder}" for folder in ("shim/src", "shim/include", "tests/c")),
]  # fmt: skip
FILES = (
    "core/elf_file.c", "core/grow.c", "core/intern.c", "core/mappings.c", "core/symbols.c",
    "core/symbols_image.c", "core/symbols_plt.c", "core/symbols_table.c", "encode/gzip.c",
    "encode/pprof.c", "encode/pprof_symbols.c", "encode/pprof_text.c", "encode/pprof_write.c",
    "encode/utf8.c",
)  # fmt: skip


# What says by its exit status whether it passes.
C_TESTS = ("test_intern", "test_pprof")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file, by its text, and the test that it must not survive."""

    name: str
    test: str
    file: str
    old: str
    new: str

    def write(self, folder: Path) -> Path:
        """Write the changed file and return its path."""
        text = (SHIM / self.file).read_text()
        assert text.count(self.old) == 1, f"{self.name}: not once in {self.file}"
        path = folder / self.file.replace("/", "_")
        path.write_text(text.replace(self.old, self.new))
        return path


MUTANTS = [
    Mutant(
        "a row is found by its hash alone",
        "test_intern",
        "core/intern.c",
        "!rsh_memcmp_sig(table->bytes.p + row->at, bytes, n)",
        "row->hash == hash",
    ),
    Mutant(
        "old slots are kept",
        "test_pprof",
        "core/intern.c",
        "\trshi_grow_free(&table->slots);\n\ttable->slots.p",
        "\ttable->slots.p",
    ),
    Mutant(
        "a limit is none",
        "test_pprof",
        "core/grow.c",
        "if (budget && budget->limit &&",
        "if (budget && !budget->limit &&",
    ),
    Mutant(
        "what was refused counts as taken",
        "test_intern",
        "core/grow.c",
        "\tif (err)\n\t\treturn ENOMEM;\n\tif (budget)\n\t\tbudget->used += more;",
        "\tif (budget)\n\t\tbudget->used += more;\n\tif (err)\n\t\treturn ENOMEM;",
    ),
    Mutant(
        "known stacks need memory too",
        "test_pprof",
        "encode/pprof.c",
        "if (rshi_intern_find(&p->stacks, p->key.p, p->key.used, &number)) {",
        "{",
    ),
    Mutant(
        "a look without memory is forgotten",
        "test_pprof",
        "encode/pprof.c",
        "return err == ENOMEM ? ENOMEM : 0;",
        "return 0;",
    ),
    Mutant(
        "writers fail unheard",
        "test_pprof",
        "encode/gzip.c",
        "z->err = z->writer->write(",
        "z->writer->write(",
    ),
    Mutant(
        "writers are called again",
        "test_pprof",
        "encode/gzip.c",
        "if (!z->err && z->out)",
        "if (z->out)",
    ),
    Mutant(
        "the compressor is not given back",
        "test_pprof",
        "encode/pprof_write.c",
        "\trshi_munmap_sig(z, sizeof(struct rshi_gzip));\n",
        "",
    ),
    Mutant(
        "files stay open",
        "test_pprof",
        "core/symbols.c",
        "\tif (elf->fd >= 0)\n\t\trshi_close_sig(elf->fd);",
        "\t(void)elf;",
    ),
    Mutant(
        "return addresses as they are",
        "names",
        "encode/pprof.c",
        "if (called && !restores)",
        "if (0)",
    ),
    Mutant(
        "leaves are return addresses",
        "names",
        "encode/pprof.c",
        "int called = p->called, err;",
        "int called = 1, err;",
    ),
    Mutant(
        "handlers return to anything",
        "names",
        "encode/pprof.c",
        "called = !frame->restores;",
        "called = 1;",
    ),
    Mutant(
        "a place is one address",
        "names",
        "encode/pprof.c",
        "place.offset = pc - mapping->start + mapping->offset;",
        "place.offset = pc - mapping->start;",
    ),
    Mutant(
        "symbols without a size have none",
        "names",
        "core/symbols_table.c",
        "if (symbol->rank || symbol->outside || !symbol->near_section || symbol->near_sized)",
        "if (1)",
    ),
    Mutant(
        "the first of two names",
        "names",
        "core/symbols_table.c",
        "return i < j;",
        "return i > j;",
    ),
    Mutant(
        "the last symbol before",
        "names",
        "core/symbols_table.c",
        "symbols[i].at - start < entry->st_size; i++) {",
        "symbols[i].at - start <= entry->st_size + 1; i++) {",
    ),
    Mutant(
        "the vDSO has no beginning",
        "names",
        "core/mappings.c",
        '(!line.offset && line.inode) || is_called(&line, "[vdso]", 6)',
        "!line.offset && line.inode",
    ),
    Mutant(
        "what is known is known for ever",
        "plugin",
        "encode/pprof.c",
        "\t/* Addresses may mean something else now. */\n"
        "\trsh_memset_sig(p->known, 0, sizeof(p->known));\n",
        "",
    ),
    Mutant(
        "objects are what has a name",
        "swap",
        "core/symbols.c",
        "               : ESTALE;\n\tif (object->tag)",
        "               : 0;\n\tif (object->tag)",
    ),
    Mutant(
        "the program is where it was",
        "vanish",
        "core/symbols.c",
        "if (err && rshi_is_exe_path(object->name, n) &&",
        "if (0 &&",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def objects(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the library's files compiled, and those of the tests that every program needs."""
    folder = tmp_path_factory.mktemp("objects")
    made = {"archive": sdk / "lib/libraceshim.a"}
    for name in FILES:
        made[name] = folder / f"{name.replace('/', '_')}.o"
        run(*COMPILE, *HOOKS, "-c", SHIM / name, "-o", made[name])
    for name in ("allocations", "names", *C_TESTS):
        made[name] = folder / f"{name}.o"
        run(*COMPILE, *HOOKS, "-c", ROOT / f"tests/c/{name}.c", "-o", made[name])
    for number in (1, 2):
        source = folder / f"plugin{number}.c"
        source.write_text(
            f"int plugin_work(void);\nint plugin_work(void)\n{{\n\treturn {number};\n}}\n"
        )
        made[f"plugin{number}"] = source.with_suffix(".so")
        run("clang-19", "-shared", "-fPIC", source, "-o", made[f"plugin{number}"])
    return made


def link(objects: dict[str, Path], test: str, folder: Path, mutant: Mutant | None) -> Path:
    """Link one of the two programs, with one file changed."""
    used = [objects[name] for name in FILES if not mutant or name != mutant.file]
    if mutant:
        changed = folder / "changed.o"
        source = mutant.write(folder)
        quoted = SHIM / mutant.file
        run(*COMPILE, *HOOKS, f"-iquote{quoted.parent}", "-c", source, "-o", changed)
        used.append(changed)
    program = folder / "program"
    run(
        *COMPILE, objects[test if test in C_TESTS else "names"],
        objects["allocations"], *used, objects["archive"], "-ldl", "-o", program,
    )  # fmt: skip
    return program


def passes(objects: dict[str, Path], test: str, folder: Path, mutant: Mutant | None) -> bool:
    """Run a test against the library with one file changed."""
    program = link(objects, test, folder, mutant)
    profile = folder / "profile.pb.gz"
    first, second = folder / "first.so", folder / "second.so"
    for path, name in ((first, "plugin1"), (second, "plugin2")):
        path.write_bytes(objects[name].read_bytes())
    arguments: dict[str, list[str | Path]] = {
        "names": [profile],
        "plugin": [profile, "plugin", first, second],
        "swap": [profile, "unload", "swap", first, second],
        "vanish": [profile, "vanish"],
    }
    done = subprocess.run(
        [program, *arguments.get(test, [])], capture_output=True, check=False, timeout=100
    )
    if test in C_TESTS or done.returncode:
        return done.returncode == 0
    found = named(profile)
    if test == "names":
        return not misnamed(found)
    if test == "plugin":
        profiled = {s.labels[0].value: s.stack[0] for s in read_file(profile).samples}
        return profiled["other plugin"].module.path == str(second)
    if test == "swap":
        return "+0x" in found["swapped plugin"][0]
    return found["called"] == NAMES["called"]


@pytest.mark.parametrize("test", [*C_TESTS, "names", "plugin", "swap", "vanish"])
def test_the_library_as_it_is_passes(objects: dict[str, Path], test: str, tmp_path: Path) -> None:
    assert passes(objects, test, tmp_path, None)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_changed_library_fails(objects: dict[str, Path], mutant: Mutant, tmp_path: Path) -> None:
    assert not passes(objects, mutant.test, tmp_path, mutant)
