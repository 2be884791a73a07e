# SPDX-License-Identifier: BSD-2-Clause
"""Make images of files: one of all objects, and one of each linked binary."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.audit import _archive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.audit._image import Image

_ELF = b"\x7fELF"
_RELOCATABLE = 1
#: By the number in ELF's header.
MACHINES = {62: "x86-64", 183: "aarch64"}


def read(paths: Sequence[str]) -> list[Image]:
    """Read everything; a file that cannot be read is an error that names it."""
    try:
        from elftools.common.exceptions import ELFError  # noqa: PLC0415

        from raceshim.audit import _linked, _objects  # noqa: PLC0415
    except ImportError:
        raise ToolError(
            "the audit reads machine code with capstone and pyelftools: "
            "pip install 'raceshim[audit]'"
        ) from None
    objects: dict[str, list[tuple[str, io.BytesIO]]] = {}
    images = []
    where = ""
    try:
        for path in map(Path, paths):
            for where, data in _files(path):
                kind, machine = _header(where, data)
                if kind == _RELOCATABLE:
                    objects.setdefault(machine, []).append((where, io.BytesIO(data)))
                else:
                    images.append(_linked.read(where, machine, io.BytesIO(data)))
        for machine, files in objects.items():
            where = files[0][0]
            images.insert(0, _objects.read(machine, files))
    except (ELFError, struct.error, UnicodeDecodeError) as error:
        raise ToolError(f"{where}: a damaged ELF file: {error}") from None
    return images


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from None
    if not _archive.is_archive(data):
        yield str(path), data
        return
    for member, content in _archive.members(path, data):
        yield f"{path.name}({member})", content


def _header(where: str, data: bytes) -> tuple[int, str]:
    """Return type and processor of an ELF file."""
    if data.startswith((b"BC\xc0\xde", b"\xde\xc0\x17\x0b")):
        raise ToolError(
            f"{where}: LLVM bitcode has no machine code yet; audit what is linked of it"
        )
    if data[:4] != _ELF or len(data) < 64:
        raise ToolError(f"{where}: no ELF file")
    kind, machine = struct.unpack_from("<HH", data, 16)
    if data[4:6] != b"\2\1" or machine not in MACHINES:
        raise ToolError(f"{where}: not for x86-64 or AArch64")
    return kind, MACHINES[machine]
