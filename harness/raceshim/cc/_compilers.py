# SPDX-License-Identifier: BSD-2-Clause
"""Which compilers there are, and which one to take.

Imported by the compiler wrapper at every compilation, so nothing heavy is imported here.
"""

import os

from raceshim._errors import UsageError

#: The first one that is installed is taken when nobody says which.
PREFERRED = ("clang-19", "clang-14", "clang", "gcc-12", "gcc")
#: What `all` means, and what a test program may name.
SUPPORTED = ("clang-19", "clang-14", "gcc-12")
FAMILIES = ("clang", "gcc")
DETECTORS = ("thread", "memory", "address", "none")
COVER_MODES = ("none", "set", "count", "atomic", "edges", "edge-counts")
#: Where gcc makes one of functions with equal bodies (-O2), a report names one that never ran.
UNFOLDED = ("-fno-ipa-icf",)
VALGRIND_TOOLS = ("helgrind", "drd", "memcheck")


class Compiler:
    """A compiler: the name that tables show (`gcc-12`), its family, and its two commands."""

    __slots__ = ("cc", "cxx", "family", "name")

    def __init__(self, name: str, family: str, cc: str, cxx: str) -> None:
        """Keep what `find` found."""
        self.name = name
        self.family = family
        self.cc = cc
        self.cxx = cxx

    def has(self, detector: str) -> bool:
        """Whether it can build for this detector."""
        if detector in ("memory", "hwaddress"):
            return self.family == "clang"
        return True


def find(name: str = "auto") -> Compiler:
    """Return the compiler of that name or path; `auto` takes the best that is installed."""
    if name != "auto":
        path = which(name)
        if path is None:
            raise UsageError(f"compiler not found: {name}")
        return _describe(name, path)
    for candidate in PREFERRED:
        path = which(candidate)
        if path is not None:
            return _describe(candidate, path)
    raise UsageError(f"no compiler found; looked for {', '.join(PREFERRED)}")


def find_all(names: str) -> list[Compiler]:
    """Return the compilers of a comma-separated list.

    `all` means every supported one that there is, `auto` every one worth trying, best first.
    """
    if names in ("all", "auto"):
        wanted = SUPPORTED if names == "all" else PREFERRED
        return [find(name) for name in wanted if which(name)]
    return [find(name.strip()) for name in names.split(",")]


def which(name: str) -> str | None:
    """Return the executable, as a shell would find it (shutil's takes five imports)."""
    if "/" in name:
        return name if os.access(name, os.X_OK) else None
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK) and not os.path.isdir(path):  # noqa: PTH112
            return path
    return None


def _describe(name: str, path: str) -> Compiler:
    folder, _, base = path.rpartition("/")
    if "clang" in base:
        family, cxx = "clang", base if "clang++" in base else base.replace("clang", "clang++", 1)
    elif "g++" in base:
        family, cxx = "gcc", base
    elif "gcc" in base:
        family, cxx = "gcc", base.replace("gcc", "g++", 1)
    else:
        raise UsageError(f"cannot tell whether {name} is clang or gcc; name one by its own name")
    # `gcc` is a link to gcc-12; programs and tables speak of versions.
    version = _version(base) or _version(os.path.realpath(path))
    return Compiler(f"{family}-{version}" if version else family, family, path, f"{folder}/{cxx}")


def _version(path: str) -> str:
    """Return `12` for gcc-12, nothing for gcc."""
    tail = path.rpartition("-")[2]
    return tail if tail.isdigit() else ""
