# SPDX-License-Identifier: BSD-2-Clause
r"""The names of functions in clang's section __llvm_prf_names.

Each object file adds a chunk: the length of the names, the length once compressed (0: they are
not), and the names with \x01 between them. A record refers to a name by the first 8 bytes of its
MD5.
"""

from __future__ import annotations

import hashlib
import zlib

from raceshim.cover._bytes import CoverFileError, Reader


def function_names(section: bytes) -> dict[int, str]:
    """Return names by reference; what cannot be read is left out."""
    found: dict[int, str] = {}
    reader = Reader(section, "names")
    try:
        while reader.place < reader.end:
            if section[reader.place] == 0:  # the linker's padding between chunks
                reader.place += 1
                continue
            plain_size = reader.var("a length")
            packed_size = reader.var("a length")
            raw = reader.take(packed_size or plain_size, "names")
            if packed_size:
                raw = zlib.decompressobj().decompress(raw, plain_size)
            for name in raw.split(b"\x01"):
                reference = int.from_bytes(hashlib.md5(name).digest()[:8], "little")  # noqa: S324
                found[reference] = name.decode(errors="replace")
    except (CoverFileError, zlib.error):
        pass
    return found
