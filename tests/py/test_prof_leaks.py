# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof leaks`, and the types of values in profiles that have several."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from profiles import HEAP, Builder, rows, usual
from raceshim._errors import UsageError
from raceshim.prof._main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

K = 1024


@pytest.fixture
def prof(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return the command, which has to succeed without a word on stderr."""

    def run(*words: str | Path) -> str:
        assert main([str(word) for word in words]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


def heap() -> Builder:
    """Return a profile of memory: objects and bytes asked for, and in use."""
    builder = Builder(types=HEAP)
    builder.message.default_sample_type = builder.string("inuse_space")
    builder.stack("main parse libc:malloc", (100, 400 * K, 3, 12 * K))
    builder.stack("main load libc:malloc", (7, 7 * K, 7, 7 * K))
    return builder.stack("main scratch", (1000, 9000 * K, 0, 0))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return heap().write(tmp_path / "heap.pb.gz")


def test_leaks_are_told_by_stack_the_largest_first(prof: Callable[..., str], file: Path) -> None:
    assert prof("leaks", file) == (
        f"inuse_space of {file}: 19kB in 10 inuse_objects over 2s\n"
        "\n"
        "12kB in 3 blocks, 63.2%; of 400kB in 100 blocks asked for by\n"
        "  malloc [libc.so.6]\n"
        "  parse\n"
        "  main\n"
        "\n"
        "7kB in 7 blocks, 36.8%; of 7kB in 7 blocks asked for by\n"
        "  malloc [libc.so.6]\n"
        "  load\n"
        "  main\n"
    )


def test_leaks_are_cut_off_and_selected(prof: Callable[..., str], file: Path) -> None:
    assert prof("leaks", "-n", "1", file).endswith("and 1 more stacks with 7kB; -n shows them\n")
    part = prof("leaks", "--ignore", "^parse$", file)
    assert "selected: 7kB, 36.8%" in part
    assert "parse" not in part


def test_leaks_as_json_have_all(prof: Callable[..., str], file: Path) -> None:
    told: dict[str, Any] = json.loads(prof("leaks", "-n", "1", "--json", "-", file))
    assert (told["command"], told["type"], told["total"]) == ("leaks", "inuse_space", 19 * K)
    assert told["samples"] == 10
    first, second = told["leaks"]
    assert (first["space"], first["objects"]) == (12 * K, 3)
    assert (first["alloc_space"], first["alloc_objects"]) == (400 * K, 100)
    assert [frame["name"] for frame in first["stack"]] == ["malloc", "parse", "main"]
    assert second["space"] == 7 * K


def test_leaks_of_several_processes_are_added(prof: Callable[..., str], tmp_path: Path) -> None:
    heap().write(tmp_path / "a.pb.gz")
    heap().write(tmp_path / "b.pb.gz")
    assert "24kB in 6 blocks, 63.2%; of 800kB in 200 blocks" in prof("leaks", tmp_path)


def test_nothing_in_use_is_told(prof: Callable[..., str], tmp_path: Path) -> None:
    file = Builder(types=HEAP).stack("main f", (5, 500, 0, 0)).write(tmp_path / "x.pb.gz")
    assert prof("leaks", file) == f"inuse_space of {file}: 0 in 0 inuse_objects over 2s\n"


def test_what_is_no_heap_profile_is_refused(tmp_path: Path) -> None:
    file = usual().write(tmp_path / "cpu.pb.gz")
    with pytest.raises(UsageError, match=r"no heap profile: it has samples, cpu; .*record --heap"):
        main(["leaks", str(file)])


@pytest.mark.parametrize("flag", ["--type", "--sample-index"])
def test_a_type_can_be_chosen(prof: Callable[..., str], file: Path, flag: str) -> None:
    assert rows(prof("top", file))["malloc [libc.so.6]"][0] == "19kB"
    assert rows(prof("top", flag, "alloc_objects", file))["scratch"][0] == "1000"
    printed = prof("tree", flag, "alloc_space", file)
    assert "alloc_space of" in printed
    assert "in 1107 alloc_objects" in printed
    assert "scratch" in prof("flamegraph", flag, "alloc_space", file)
    assert "scratch" not in prof("flamegraph", file)
    changed = prof("diff", flag, "alloc_objects", file, file)
    assert "alloc_objects of" in changed
    with pytest.raises(UsageError, match="has alloc_objects, alloc_space, inuse_objects"):
        main(["top", flag, "cpu", str(file)])
