# SPDX-License-Identifier: BSD-2-Clause
"""Read a file, in whichever format it is, with gzip or without."""

from __future__ import annotations

import zlib
from pathlib import Path

from raceshim._errors import UsageError
from raceshim.trace import _packets, _raw
from raceshim.trace._model import Trace, TraceError

_GZIP = b"\x1f\x8b"
#: What unpacks to more was made to fill memories.
_LIMIT = 1 << 31


def read_file(path: str | Path) -> Trace:
    """Return the trace in a file; a TraceError if nothing of it is whole."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from None
    return parse(data, str(path))


def parse(data: bytes, where: str) -> Trace:
    """Return the trace in these bytes; `where` names them in errors."""
    if data.startswith(_GZIP):
        data = _unpacked(data, where)
    if not data:
        raise TraceError(f"{where}: empty")
    # A trace may have been cut off within its first bytes.
    if data.startswith(b"G") and data[8:16] == _raw.MAGIC[: max(len(data) - 8, 0)]:
        return _raw.parse(data, where)
    return _packets.parse(data, where)


def _unpacked(data: bytes, where: str) -> bytes:
    """Return what is in gzip; what is missing at its end will be missed in the trace."""
    engine = zlib.decompressobj(wbits=31)
    try:
        inner = engine.decompress(data, _LIMIT)
    except zlib.error as error:
        raise TraceError(f"{where}: damaged: gzip says {error}") from None
    if engine.unconsumed_tail:
        raise TraceError(f"{where}: unpacks to more than {_LIMIT >> 20} MiB")
    return inner
