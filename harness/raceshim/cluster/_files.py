# SPDX-License-Identifier: BSD-2-Clause
"""What a command needs of the files of this machine, to run on another one.

That is: the program, unless it is the system's; every file that a word of the command names, also
in a line for a shell or behind `=`, and those that the detectors' options name; what the user
names; and of all programs and libraries among these the libraries that the loader finds, however
far down. The system's own libraries are not sent, but for the detectors' runtimes, which come with
a compiler that workers need not have.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SYSTEM = ("/usr/", "/lib", "/bin/", "/sbin/", "/etc/", "/proc/", "/sys/", "/dev/")
_RUNTIME = re.compile(r"/lib(clang_rt\.)?(tsan|asan|msan|hwasan|ubsan|lsan)[^/]*\.so[^/]*$")
#: What stands between paths, in a line for a shell and in the detectors' options.
_WORDS = re.compile(r"[^\s=:,;'\"`$(){}<>|&]+")
_FOUND = re.compile(r"^\s+(\S+) => (/.*) \(0x[0-9a-f]+\)$", re.MULTILINE)
_INTERPRETER = 3


@dataclass(frozen=True, slots=True)
class File:
    """A file to be sent: where it lies here, what it contains, and its permissions."""

    path: str
    digest: str
    size: int
    mode: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """All that is sent. `names` are the places that a command may name, folders among them.

    `programs` are the files that a loader must be able to start, with the libraries that are sent
    along: the name that was asked for, and the file.
    """

    files: tuple[File, ...] = ()
    names: tuple[str, ...] = ()
    programs: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

    @property
    def size(self) -> int:
        """How many bytes that are, each content once."""
        return sum({file.digest: file.size for file in self.files}.values())


def shipment(
    command: Sequence[str], places: Sequence[str], environ: Mapping[str, str], folder: Path
) -> Shipment:
    """Collect what a command needs; `places` are what the user has named beside."""
    named = [*_of_command(command, folder), *_of_options(environ)]
    for place in places:
        path = folder / place
        if not path.exists():
            raise UsageError(f"--ship: {place}: there is no such file or folder")
        named.append(Path(os.path.normpath(path)))
    found: dict[str, None] = {}
    for path in named:
        inside = _inside(path) if path.is_dir() else iter((path,))
        found |= dict.fromkeys(str(file) for file in inside)
    programs = []
    for file in [file for file in found if _is_elf(file)]:
        needed = [(name, lib) for name, lib in libraries(file, environ) if not is_system(lib)]
        found |= dict.fromkeys(lib for _, lib in needed)
        if interpreter(file) is not None:
            programs.append((file, tuple(needed)))
    names = {*found, *map(str, named), str(folder)} - {"/"}
    return Shipment(
        tuple(map(_file, sorted(found))),
        tuple(sorted(names, key=lambda name: (-len(name), name))),
        tuple(programs),
    )


def is_system(path: str) -> bool:
    """Whether a file comes with the system, and workers have their own."""
    return (
        path.startswith(_SYSTEM)
        and not path.startswith("/usr/local/")
        and _RUNTIME.search(path) is None
    )


def interpreter(path: str) -> str | None:
    """Return the loader that a program names; None if it needs none, or is no program."""
    with Path(path).open("rb") as file:
        head = file.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            return None
        (place,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(place)
        table = file.read(size * count)
        for at in range(0, len(table) - 55, size):
            kind, offset, length = struct.unpack_from("<I4xQ16xQ", table, at)
            if kind == _INTERPRETER:
                file.seek(offset)
                return file.read(length).rstrip(b"\0").decode(errors="replace")
    return None


def ask_loader(path: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """Return what the loader says that a program needs, as `ldd` does: it starts nothing."""
    loader = interpreter(path) or interpreter(os.path.realpath("/proc/self/exe"))
    if loader is None:
        return 0, ""
    # What is preloaded is nobody's need.
    clean = {key: value for key, value in environ.items() if key != "LD_PRELOAD"}
    try:
        done = subprocess.run(
            [loader, "--list", path], env=clean, capture_output=True, text=True, check=False
        )
    except OSError as error:
        return 127, f"{loader}: {error.strerror}"
    return done.returncode, done.stdout + done.stderr


def libraries(path: str, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the libraries that the loader finds for a program: the name asked for, the file."""
    _, told = ask_loader(path, environ)
    return [(name, os.path.normpath(place)) for name, place in _FOUND.findall(told)]


def _of_command(command: Sequence[str], folder: Path) -> Iterator[Path]:
    program = shutil.which(command[0]) if command else None
    if program is not None:
        path = os.path.normpath(folder / program)
        if not is_system(path):
            yield Path(path)
    for word in command:
        yield from _named(word, folder)


def _of_options(environ: Mapping[str, str]) -> Iterator[Path]:
    for name, value in environ.items():
        if name.endswith("SAN_OPTIONS"):
            yield from _named(value, Path("/nonexistent"))


def _named(text: str, folder: Path) -> Iterator[Path]:
    """Find the files that a text names."""
    for word in {text, *_WORDS.findall(text)}:
        path = os.path.normpath(folder / word)
        if "\0" not in path and os.path.isfile(path) and not is_system(path):  # noqa: PTH113
            yield Path(path)


def _inside(folder: Path) -> Iterator[Path]:
    """Return the files in a folder and all those below."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            path = Path(place, name)
            if path.is_file():
                yield path


def _is_elf(path: str) -> bool:
    with Path(path).open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _file(path: str) -> File:
    try:
        with Path(path).open("rb") as file:
            known = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return File(path, digest, known.st_size, stat.S_IMODE(known.st_mode))
