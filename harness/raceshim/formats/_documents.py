# SPDX-License-Identifier: BSD-2-Clause
"""Read what `raceshim gate --json` has written, here or elsewhere, today or last year."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from raceshim._errors import ToolError

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Document:
    """A file. `digest` is of the whole of it: nothing else has the same."""

    where: str
    digest: str
    content: dict[str, Any]

    @property
    def of_programs(self) -> bool:
        """Whether it tells of a folder of programs, which have verdicts and no findings."""
        return bool(self.content["mode"] == "programs")


def load(path: str) -> Document:
    """Read a file; one that cannot be read is an error, never a run without findings."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from None
    try:
        content = json.loads(data)
        schema, _ = content["schema"], content["mode"]
    except (ValueError, TypeError, KeyError):
        raise ToolError(f"{path}: not written by raceshim gate --json") from None
    if schema != _SCHEMA:
        raise ToolError(f"{path}: schema {schema!r}; this raceshim knows {_SCHEMA}")
    return Document(path, sha256(data).hexdigest(), content)
