# SPDX-License-Identifier: BSD-2-Clause
"""Where the headers, the archive, and the CMake and pkg-config files are installed.

In an installed package they lie in its folder `_sdk`; RACESHIM_SDK names another install prefix.
Imported by the compiler wrapper, so nothing heavy is imported here.
"""

import os

from raceshim._errors import ToolError

#: The folder of the package, above this one.
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


def prefix() -> str:
    """Return the install prefix that holds `include/raceshim` and `lib/libraceshim.a`."""
    told = os.environ.get("RACESHIM_SDK")
    found = told or os.path.join(_PACKAGE, "_sdk")  # noqa: PTH118
    if not os.path.isdir(os.path.join(found, "include", "raceshim")):  # noqa: PTH112, PTH118
        what = "RACESHIM_SDK names" if told else "this package has"
        raise ToolError(
            f"{what} no headers in {found}/include/raceshim; install the package with pip, or set "
            "RACESHIM_SDK to a prefix made by `cmake --install`"
        )
    return os.path.abspath(found)  # noqa: PTH100


def includes() -> str:
    """Return the folder for -I."""
    return f"{prefix()}/include"


def archive() -> str:
    """Return the static library."""
    return f"{prefix()}/lib/libraceshim.a"


def shared_library() -> str:
    """Return the shared library, for LD_PRELOAD."""
    return f"{prefix()}/lib/libraceshim.so"


def heap_library() -> str:
    """Return the library that stands before an allocator and tells of what it does."""
    return f"{prefix()}/lib/libraceshim-heap.so"


def heap_archive(*, wrapped: bool) -> str:
    """Return the same to be linked: in the allocator's place, or where the linker leads calls."""
    return f"{prefix()}/lib/libraceshim-heap{'-wrapped' if wrapped else ''}.a"


def locks_library() -> str:
    """Return the shared library in which the program's locks are watched too."""
    return f"{prefix()}/lib/libraceshim-locks.so"


def share(name: str) -> str:
    """Return a file of share/raceshim."""
    return f"{prefix()}/share/raceshim/{name}"


def perturb() -> str:
    """Return the library that is preloaded to make unlikely schedules."""
    return f"{prefix()}/lib/libraceshim-perturb.so"


def schedules() -> str:
    """Return the library of the hooks that are linked to make unlikely schedules."""
    return f"{prefix()}/lib/libraceshim-schedules.a"


def canary() -> str:
    """Return the library of the gate's known race, which is preloaded."""
    return f"{prefix()}/lib/libraceshim-canary.so"


def cmakedir() -> str:
    """Return the folder of raceshim-config.cmake."""
    return f"{prefix()}/lib/cmake/raceshim"


def pkgconfigdir() -> str:
    """Return the folder for PKG_CONFIG_PATH."""
    return f"{prefix()}/lib/pkgconfig"


def version() -> str:
    """Return the version: the C header's, which is the only place where it is written."""
    with open(f"{includes()}/raceshim/raceshim.h", encoding="utf-8") as header:  # noqa: PTH123
        for line in header:
            words = line.split()
            if words[:2] == ["#define", "RSH_VERSION"]:
                return words[2].strip('"')
    raise ToolError(f"{includes()}/raceshim/raceshim.h has no RSH_VERSION")
