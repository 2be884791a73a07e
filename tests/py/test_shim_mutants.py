# SPDX-License-Identifier: BSD-2-Clause
"""The C tests notice when something that looks superfluous is taken out of the shim's core."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

CORE = ROOT / "shim/src/core"
INCLUDE = [
    f"-I{ROOT / folder}"
    for folder in ("shim/include", "shim/src", "annotations/include", "tests/c")
]
COMPILE = [
    "clang-19",
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-O1",
    "-g",
    "-pthread",
    *INCLUDE,
    "-iquote",
    f"{CORE}",
]

# Both sides of a ring compiled visibly for ThreadSanitizer, which only a writer that is no handler
# survives.
RING = ("ring.c", "ring_sig.c", "sys_linux_sig.c", "sigsafe_x86_64_sig.c")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file, by its text."""

    name: str
    file: str
    old: str
    new: str

    def write(self, folder: Path) -> Path:
        """Write the changed file and return its path."""
        text = (CORE / self.file).read_text()
        assert text.count(self.old) == 1, f"{self.name}: not once in {self.file}"
        path = folder / self.file
        path.write_text(text.replace(self.old, self.new))
        return path


RING_MUTANTS = [
    Mutant(
        "reader does not acquire the records",
        "ring.c",
        "written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE)",
        "written = __atomic_load_n(&ring->written, __ATOMIC_RELAXED)",
    ),
    Mutant(
        "writer does not release the records",
        "ring_sig.c",
        "__atomic_store_n(&ring->written, to + length, __ATOMIC_RELEASE)",
        "__atomic_store_n(&ring->written, to + length, __ATOMIC_RELAXED)",
    ),
    Mutant(
        "reader does not release the room",
        "ring.c",
        "__atomic_store_n(&ring->read, from, __ATOMIC_RELEASE)",
        "__atomic_store_n(&ring->read, from, __ATOMIC_RELAXED)",
    ),
    Mutant(
        "writer does not acquire the room",
        "ring_sig.c",
        "read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE)",
        "read = __atomic_load_n(&ring->read, __ATOMIC_RELAXED)",
    ),
    Mutant(
        "one word more than there is",
        "ring_sig.c",
        "\tto = place(ring, at, length);\n\tif (to + length - read > ring->size) {",
        "\tto = place(ring, at, length);\n\tif (to + length - read > ring->size + 1) {",
    ),
    Mutant(
        "one word less than there is",
        "ring_sig.c",
        "\tto = place(ring, at, length);\n\tif (to + length - read > ring->size) {",
        "\tto = place(ring, at, length);\n\tif (to + length - read >= ring->size) {",
    ),
    Mutant(
        "losses without room for what follows",
        "ring_sig.c",
        "to = place(ring, loss_to + loss_length, length);",
        "to = loss_to + loss_length - length;",
    ),
    Mutant(
        "records across the end",
        "ring_sig.c",
        "return offset + length > ring->size ?",
        "return offset + length > ring->size + 1 ?",
    ),
    Mutant("no way back to the start", "ring_sig.c", "if (to != at)", "if (to == at + 1)"),
    Mutant(
        "taken losses are not told apart",
        "ring.c",
        "((lost >> 32) + 1) << 32",
        "(lost >> 32) << 32",
    ),
    Mutant(
        "the count of losses wraps",
        "ring_sig.c",
        "more = (uint32_t)lost == COUNT_MAX ? lost : lost + 1;",
        "more = lost + 1;",
    ),
    Mutant(
        "time of the last loss",
        "ring_sig.c",
        "if (!(uint32_t)lost)\n\t\t\t__atomic_store_n(&ring->lost_since",
        "if (1)\n\t\t\t__atomic_store_n(&ring->lost_since",
    ),
    Mutant(
        "woken too late",
        "ring_sig.c",
        "if (to + length - read >= ring->size / 2)",
        "if (to + length - read > ring->size / 2)",
    ),
    Mutant(
        "woken too early",
        "ring_sig.c",
        "if (to + length - read >= ring->size / 2)",
        "if (to + length - read >= ring->size / 2 - 1)",
    ),
    Mutant(
        "woken twice",
        "ring_sig.c",
        "__atomic_fetch_and(&bell->word, ~1u, __ATOMIC_RELAXED) & 1)",
        "__atomic_load_n(&bell->word, __ATOMIC_RELAXED) & 1)",
    ),
    Mutant(
        "read words are given back at once",
        "ring.c",
        "__atomic_store_n(&ring->read, from, __ATOMIC_RELEASE);",
        "__atomic_store_n(&ring->read, __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE), "
        "__ATOMIC_RELEASE);",
    ),
]


UNWIND = (
    "dwarf_expr_sig.c", "dwarf_rows_sig.c", "eh_frame_sig.c", "sigsafe_x86_64_sig.c",
    "sys_linux_sig.c", "unwind_cfi_sig.c", "unwind_fp_sig.c", "unwind_objects.c",
    "unwind_objects_sig.c", "unwind_read_sig.c", "unwind_rows_sig.c", "unwind_traceback_sig.c",
)  # fmt: skip

# As on a libc that has no _dl_find_object.
OLDER_LIBC = [
    Mutant("older libc", file, '__asm__("_dl_find_object")', '__asm__("_dl_not_there")')
    for file in ("unwind_objects.c", "unwind_objects_sig.c")
]

UNWIND_MUTANTS = [
    Mutant(
        "all objects have one tag",
        "unwind_objects_sig.c",
        "object->tag = tag_of(found.start, found.map);",
        "object->tag = tag_of(found.start, found.map) ? 7 : 0;",
    ),
    Mutant(
        "objects without an id are remembered",
        "unwind_objects_sig.c",
        "? TAG_OF_EXE : 0;",
        "? TAG_OF_EXE : 2;",
    ),
    Mutant(
        "pages are not asked about",
        "unwind_read_sig.c",
        "if (rshi_readable_sig((const void *)r->hi))",
        "if (!r->hi)",
    ),
    Mutant(
        "words far away are loaded",
        "unwind_read_sig.c",
        "return rshi_peek_sig((const void *)address, value);",
        "return *value = *(const uintptr_t *)address, 0;",
    ),
    Mutant(
        "rows begin one byte late",
        "dwarf_rows_sig.c",
        "m->loc <= m->pc &&",
        "m->loc < m->pc &&",
    ),
    Mutant(
        "callers are looked up behind the call",
        "unwind_cfi_sig.c",
        "w->lookup = pc - 1;",
        "w->lookup = pc + 16;",
    ),
    Mutant(
        "preserved registers are beside where they are",
        "unwind_cfi_sig.c",
        "cfa - sizeof(at) * (saved & 0xff);",
        "cfa - sizeof(at) * ((saved & 0xff) + 1);",
    ),
    Mutant(
        "signal frames are not known",
        "unwind_cfi_sig.c",
        "code[8] == 0x05;",
        "code[8] == 0x04;",
    ),
]

# What the test of walks that are not made again needs beside the unwinder.
TRAIL = (*UNWIND, "stacktab_sig.c", "unwind_trail_sig.c")

TRAIL_MUTANTS = [
    Mutant(
        "another library is taken for the same",
        "unwind_trail_sig.c",
        "if (rshi_object_find_sig(pc, &now) || now.tag != tag)",
        "if (!pc || (now.tag = (uint32_t)tag, now.tag != tag))",
    ),
    Mutant(
        "only the first words are compared",
        "unwind_trail_sig.c",
        "if (!is_same_batch(&w->batch[i]",
        "if (i < 1 && !is_same_batch(&w->batch[i]",
    ),
    Mutant(
        "the frame pointer is thought not to matter",
        "unwind_trail_sig.c",
        "__atomic_load_n(&w->fp, __ATOMIC_RELAXED) != here->fp;",
        "here->fp == 1;",
    ),
    Mutant(
        "saved registers are thought not to matter",
        "unwind_cfi_sig.c",
        "rshi_trail_read_sig(w->trail, w->saved_at[i], w->regs.r[reg]);",
        ";",
    ),
    Mutant(
        "walks are kept whatever they were made by",
        "unwind_cfi_sig.c",
        "/* The next walk is likely to find the row. */\n\tif (w->trail)",
        "if (0)",
    ),
    Mutant(
        "what does not come any more is not given up",
        "unwind_trail_sig.c",
        "return passed >= PASSED_LONG;",
        "return 0;",
    ),
    Mutant(
        "there is one place for all that begin alike",
        "unwind_trail_sig.c",
        "h = next_place(w, here, room, h);",
        "return NULL;",
    ),
    Mutant(
        "the word below is thought not to matter",
        "unwind_trail_sig.c",
        "return !(all[0] | all[1]);",
        "return !all[1];",
    ),
    Mutant(
        "words of any page are compared at once",
        "unwind_trail_sig.c",
        "rshi_page_of(sp + at * sizeof(sp)) ==",
        "!sp == !at || ",
    ),
    Mutant(
        "what there is no room for is not compared",
        "unwind_trail_sig.c",
        "if (!keep_words(w, trail))",
        "if (!keep_words(w, trail) && !w->n)",
    ),
]


def build_visibly(folder: Path, test: str, files: tuple[str, ...], mutant: Mutant | None) -> Path:
    """Compile a C test and these files of the core with ThreadSanitizer, one of them changed."""
    sources = [CORE / name for name in files]
    if mutant:
        sources = [mutant.write(folder) if s.name == mutant.file else s for s in sources]
    program = folder / test
    run(*COMPILE, "-fsanitize=thread", ROOT / f"tests/c/{test}.c", *sources, "-o", program)
    return program


def outcome(program: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program], capture_output=True, text=True, check=False, timeout=100)


def test_both_sides_of_a_ring_are_silent(tmp_path: Path) -> None:
    done = outcome(build_visibly(tmp_path, "test_ring", RING, None))
    assert done.returncode == 0, done.stderr
    assert "ThreadSanitizer" not in done.stderr


@pytest.mark.parametrize("mutant", RING_MUTANTS, ids=lambda m: m.name)
def test_a_changed_ring_fails(mutant: Mutant, tmp_path: Path) -> None:
    done = outcome(build_visibly(tmp_path, "test_ring", RING, mutant))
    assert done.returncode != 0
    if "acquire" in mutant.name or "release" in mutant.name:
        assert "ThreadSanitizer: data race" in done.stderr


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the libraries that the unwinder's test loads from beside itself."""
    folder = tmp_path_factory.mktemp("reload")
    for frame in (264, 520):
        for suffix, build_id in (("", "sha1"), ("_anonymous", "none")):
            run(
                "clang-19", "-shared", "-fPIC", f"-DFRAME={frame}", ROOT / "tests/c/reload.c",
                f"-Wl,--build-id={build_id}", "-o", folder / f"reload_{frame}{suffix}.so",
            )  # fmt: skip
    return folder


def walk(
    folder: Path,
    name: str,
    *mutants: Mutant,
    files: tuple[str, ...] = UNWIND,
    tests: tuple[str, ...] = ("test_unwind.c", "walks_sig.c"),
) -> subprocess.CompletedProcess[str]:
    """Build the unwinder's test, with some files changed, and run it in `folder`."""
    sources = [CORE / file for file in files]
    changed = folder / name
    changed.mkdir()
    for mutant in mutants:
        sources = [mutant.write(changed) if s.name == mutant.file else s for s in sources]
    program = folder / f"{name}.exe"
    test = [ROOT / f"tests/c/{file}" for file in tests]
    run(*COMPILE, "-fno-stack-protector", *test, *sources, "-o", program)
    return outcome(program)


def test_walks_are_right(reloaded: Path) -> None:
    done = walk(reloaded, "unchanged")
    assert done.returncode == 0, done.stderr


def test_walks_are_right_without_help_of_libc(reloaded: Path) -> None:
    done = walk(reloaded, "older_libc", *OLDER_LIBC)
    assert done.returncode == 0, done.stderr


def test_without_help_of_libc_objects_have_to_be_listed(reloaded: Path) -> None:
    done = walk(reloaded, "unlisted", OLDER_LIBC[1])
    assert done.returncode != 0


@pytest.mark.parametrize("mutant", UNWIND_MUTANTS, ids=lambda m: m.name)
def test_a_changed_walk_fails(mutant: Mutant, reloaded: Path) -> None:
    done = walk(reloaded, mutant.name.replace(" ", "_"), mutant)
    assert done.returncode != 0


def recall(folder: Path, name: str, *mutants: Mutant) -> subprocess.CompletedProcess[str]:
    return walk(folder, name, *mutants, files=TRAIL, tests=("test_unwind_trail.c",))


def test_recalled_walks_are_right(reloaded: Path) -> None:
    done = recall(reloaded, "recalled")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mutant", TRAIL_MUTANTS, ids=lambda m: m.name)
def test_a_changed_recall_fails(mutant: Mutant, reloaded: Path) -> None:
    done = recall(reloaded, mutant.name.replace(" ", "_"), mutant)
    assert done.returncode != 0
