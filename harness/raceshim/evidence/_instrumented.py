# SPDX-License-Identifier: BSD-2-Clause
"""What an executable shows: a detector's runtime, and whether its code was compiled for one.

Linking with -fsanitize=thread brings the runtime, compiling with it makes the runtime see the
accesses; a build system that passes the flag to the linker only gives a program under which the
detector runs, and finds nothing. Every file that was compiled with the flag leaves a constructor:
clang's is called tsan.module_ctor, gcc's _sub_I_00099_0 (the number is its priority). It is a
local symbol, so that there is none proves something only where local symbols were kept.

Files are read once, however many processes ran them.
"""

from __future__ import annotations

import functools
import mmap
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: all that the runtimes exist for on Linux
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_LOAD, _SYMTAB, _DYNSYM, _SOURCE, _UNDEFINED = 1, 2, 11, 4, 0

_CONSTRUCTORS = (b"tsan.module_ctor", b"_sub_I_00099_")
#: What only instrumented code refers to.
_CALLS = (b"__tsan_func_entry", b"__tsan_read", b"__tsan_write", b"__tsan_unaligned_")
#: Options that a runtime has inside, with what it tells of them: one that all of them have, and
#: that of LLVM 23's ThreadSanitizer and newer ones, which delays threads itself.
_OPTION, _DELAYS = b"stack_trace_format", b"enable_adaptive_delay"
#: The names under which a runtime is found in a file: a symbol that it exports, a library's name,
#: and, where everything was stripped, an option that it reads.
_RUNTIMES = (
    *(b"__tsan_init", b"__asan_init", b"__msan_init", b"__hwasan_init", b"__ubsan_handle_"),
    *(b"libtsan.so", b"libasan.so", b"libubsan.so", b"libclang_rt.", _OPTION),
)
_THREAD_RUNTIMES = (b"__tsan_init", b"libtsan.so", b"libclang_rt.tsan")
#: What the gate itself puts into programs; the first one races on purpose.
_OURS = ("/libraceshim-canary.so", "/libraceshim-perturb.so")
_SYSTEM = ("/usr/", "/lib", "/bin/", "/sbin/", "/opt/")


@dataclass(frozen=True, slots=True)
class Binary:
    """What a file is.

    `kind` is "program" (an ELF file, of whatever use), "script" or "other". `runtime` tells
    whether any detector's runtime is in it or a library of its own, `thread_runtime` whether it is
    ThreadSanitizer's. `instrumented` is None where nobody can know. `base` is the address at which
    it is linked, None where the system chooses. `delays` tells whether the runtime inside can delay
    threads by itself, None where none is inside.
    """

    kind: str
    runtime: bool = False
    thread_runtime: bool = False
    instrumented: bool | None = None
    base: int | None = None
    delays: bool | None = None


def examine(path: str) -> Binary | None:
    """Read a file; None if that is not possible."""
    try:
        known = os.stat(path)  # noqa: PTH116
        return _examine(path, known.st_dev, known.st_ino, known.st_mtime_ns)
    except (OSError, ValueError):
        return None


def lacks_instrumentation(modules: Sequence[str]) -> bool:
    """Whether a program has ThreadSanitizer's runtime, and surely none of its code was compiled so.

    `modules` are the files of a process, the program first. The system's libraries are stripped,
    and not the user's to build: there only a sign of instrumentation counts.
    """
    program = examine(modules[0]) if modules else None
    if program is None or not program.thread_runtime or program.instrumented is not False:
        return False
    for path in modules[1:]:
        if path.endswith(_OURS):
            continue
        module = examine(path)
        known = module.instrumented if module is not None else None
        if known or (known is None and not is_system(path)):
            return False
    return True


def is_system(path: str) -> bool:
    """Whether a file came with the system, and is nobody's to build."""
    return path.startswith(_SYSTEM) and not path.startswith("/usr/local/")


@functools.lru_cache(maxsize=4096)
def _examine(path: str, _device: int, _inode: int, _changed: int) -> Binary:
    with open(path, "rb") as file:  # noqa: PTH123
        start = file.read(len(_MAGIC))
        if start[:2] == b"#!":
            return Binary("script")
        if start != _MAGIC:
            return Binary("other")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            try:
                return _read(image)
            except struct.error:
                return Binary("other")


def _read(image: mmap.mmap) -> Binary:
    header = _HEADER.unpack_from(image)
    tables = dict(_tables(image, header))
    names = [image[start : start + size] for start, size in (t.names for t in tables.values())]
    return Binary(
        "program",
        runtime=any(image.find(name) >= 0 for name in _RUNTIMES),
        thread_runtime=any(name in table for table in names for name in _THREAD_RUNTIMES),
        instrumented=_instrumented(image, tables),
        base=_base(image, header),
        delays=image.find(_DELAYS) >= 0 if image.find(_OPTION) >= 0 else None,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of symbols: where it is, where its names are, and how many are local."""

    start: int
    size: int
    local: int
    names: tuple[int, int]


def _tables(image: mmap.mmap, header: tuple[int, ...]) -> Iterator[tuple[int, _Table]]:
    place, step, count = header[5], header[10], header[11]
    if not place:
        return
    sections = [_SECTION.unpack_from(image, place + step * index) for index in range(count)]
    for section in sections:
        if section[1] in (_SYMTAB, _DYNSYM) and section[6] < count:
            names = sections[section[6]]
            table = _Table(section[4], section[5], section[7], (names[4], names[5]))
            yield section[1], table


def _instrumented(image: mmap.mmap, tables: dict[int, _Table]) -> bool | None:
    dynamic = tables.get(_DYNSYM)
    if dynamic is not None and _calls_runtime(image, dynamic):
        return True
    symbols = tables.get(_SYMTAB)
    if symbols is None:
        return None
    start, size = symbols.names
    if any(image.find(name, start, start + size) >= 0 for name in _CONSTRUCTORS):
        return True
    for index in range(symbols.local):
        name, info, *_ = _SYMBOL.unpack_from(image, symbols.start + index * _SYMBOL.size)
        if name and info & 15 == _SOURCE:
            return False
    return None  # what goes with local symbols are the names of source files


def _calls_runtime(image: mmap.mmap, table: _Table) -> bool:
    start, size = table.names
    names = image[start : start + size]
    if not any(call in names for call in _CALLS):
        return False
    # A program that has the runtime inside exports these names: only who lacks them calls them.
    for name, _, _, section, *_ in _SYMBOL.iter_unpack(
        image[table.start : table.start + table.size - table.size % _SYMBOL.size]
    ):
        if section == _UNDEFINED and names.startswith(_CALLS, name):
            return True
    return False


def _base(image: mmap.mmap, header: tuple[int, ...]) -> int | None:
    place, step, count = header[4], header[8], header[9]
    for index in range(count):
        segment = _SEGMENT.unpack_from(image, place + step * index)
        if segment[0] == _LOAD:
            return int(segment[3]) or None
    return None
