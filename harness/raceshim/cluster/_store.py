# SPDX-License-Identifier: BSD-2-Clause
"""Where the files of a gate lie on a worker.

A store has each content once, under its hash, for this gate and those that come after. A tree has
the files of one gate, copied from the store to the places that they have on the gate's machine,
below a folder of the worker's. What is said there of paths is so said of others by one prefix, and
taken back by leaving the prefix out.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim.cluster._files import ask_loader, libraries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from raceshim.cluster._files import Shipment

#: Of larger files there are several pieces, compressed each.
PIECE = 8 << 20


class UnfitError(Exception):
    """A worker cannot make the runs; another one may."""


def pieces(path: str) -> Iterator[bytes]:
    """Cut a file up for the way, compressed."""
    with Path(path).open("rb") as file:
        while data := file.read(PIECE):
            yield zlib.compress(data, 1)


class Store:
    """The contents that a worker has by now."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder."""
        self._folder = folder

    def place(self, digest: str) -> Path:
        """Return where a content lies once it is there."""
        return self._folder / digest

    def has(self, digest: str) -> bool:
        """Whether a content is there."""
        return self.place(digest).is_file()

    def put(self, digest: str, data: Iterable[bytes]) -> None:
        """Take a content in; a name means that it is complete and right."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{digest}.{os.getpid()}"
        found = hashlib.sha256()
        try:
            with unfinished.open("wb") as file:
                for piece in data:
                    plain = zlib.decompress(piece)
                    found.update(plain)
                    file.write(plain)
            if found.hexdigest() != digest:
                raise UnfitError(f"a file came with another content than was sent: {digest}")
            unfinished.replace(self.place(digest))
        finally:
            unfinished.unlink(missing_ok=True)


class Tree:
    """The files of a gate on a worker."""

    def __init__(self, folder: Path, shipment: Shipment, cwd: str) -> None:
        """Lie below a folder."""
        self.folder = folder
        self._shipment = shipment
        self._cwd = cwd
        names = "|".join(map(re.escape, shipment.names)) or "(?!)"
        self._names = re.compile(rf"(?<![\w./-])({names})(?![\w.-])")

    @property
    def cwd(self) -> Path:
        """The working directory of the command."""
        return self.there(self._cwd)

    def there(self, path: str) -> Path:
        """Return where a file lies."""
        return Path(f"{self.folder}{path}")

    def to_there(self, text: str) -> str:
        """Say a text in terms of the tree: what it names of the files sent lies there."""
        return self._names.sub(lambda name: f"{self.folder}{name[0]}", text)

    def to_here(self, text: str) -> str:
        """Take that back, in JSON too."""
        quoted = json.dumps(str(self.folder))[1:-1]
        return text.replace(quoted, "").replace(str(self.folder), "")

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which the libraries are found that were sent."""
        folders = dict.fromkeys(
            str(self.there(os.path.dirname(file.path)))  # noqa: PTH120
            for file in self._shipment.files
            if re.search(r"\.so(\.|$)", file.path)
        )
        old = base.get("LD_LIBRARY_PATH", "")
        line = ":".join(part for part in (*folders, old) if part)
        return {**base, "LD_LIBRARY_PATH": line} if line else dict(base)

    def build(self, store: Store) -> None:
        """Copy all files to their places."""
        self.cwd.mkdir(parents=True, exist_ok=True)
        for file in self._shipment.files:
            place = self.there(file.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store.place(file.digest), place)
            place.chmod(file.mode)

    def check(self, environ: Mapping[str, str]) -> None:
        """Ask the loader whether programs find what was sent with them, and the system's."""
        for program, sent in self._shipment.programs:
            path = str(self.there(program))
            status, told = ask_loader(path, environ)
            lost = [line.strip() for line in told.splitlines() if "not found" in line]
            if status or lost:
                why = self.to_here(lost[0] if lost else told.strip() or f"status {status}")
                raise UnfitError(f"{program} cannot be loaded: {why}")
            found = dict(libraries(path, environ))
            for name, place in sent:
                if found.get(name, str(self.there(place))) != str(self.there(place)):
                    other = self.to_here(found[name])
                    raise UnfitError(f"{program} finds {other}, not the {name} that was sent")
