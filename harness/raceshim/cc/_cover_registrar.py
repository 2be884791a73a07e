# SPDX-License-Identifier: BSD-2-Clause
"""The object that tells the library where an executable or shared library has its counters.

It is compiled from share/raceshim by the very compiler that builds the project, for the records
that it describes are that compiler's. That is done once for each compiler, target and mode, and
kept in the user's cache folder; only links come here.

Several links may need the same object at once: each compiles its own under a name of its own and
renames it, so a name in the cache is always a whole object.
"""

import _thread
import hashlib
import os
import stat

from raceshim._errors import BuildError, ToolError
from raceshim.cc import _prefix
from raceshim.cc._cover_flags import Wish

#: What makes objects that a linker will not, or should not, put together with others.
_TARGET_FLAGS = (
    "-m16", "-m32", "-m64", "-mx32", "-march=", "-mcpu=", "-mabi=", "-mfloat-abi=", "-mfpu=",
    "-marm", "-mthumb", "-mcmodel=", "-mbranch-protection=", "-fcf-protection", "--target=",
    "--sysroot=", "--gcc-toolchain=", "-B", "-isysroot", "-resource-dir",
)  # fmt: skip
_TARGET_FLAGS_WITH_VALUE = ("-target", "--target", "-isysroot", "--sysroot", "-B", "-resource-dir")
_FLAGS = (
    "-x", "c", "-std=gnu11", "-O2", "-w", "-fPIC", "-fvisibility=hidden", "-fno-sanitize=all",
    "-fno-lto", "-fno-stack-protector", "-fno-omit-frame-pointer", "-fasynchronous-unwind-tables",
    # The function that is called at every edge needs no frame, and no call through a table.
    "-momit-leaf-frame-pointer", "-fno-plt",
)  # fmt: skip
#: Variables that make a compiler write files beside its output.
_SIDE_EFFECTS = ("DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES")


def link(wish: Wish, words: list[str], *, shared: bool) -> list[str]:
    """Return what makes coverage part of an executable or shared library."""
    # As for the archive: a `-x c` of the project's would make the object a source file.
    registrar = ["-Xlinker", registrar_object(wish, words, shared=shared)]
    return [*wish.link_flags(shared=shared), *registrar]


def registrar_object(wish: Wish, words: list[str], *, shared: bool) -> str:
    """Return the object for a link with these arguments; compile it if there is none yet."""
    source = _prefix.share(wish.registrar())
    if not os.path.isfile(source):  # noqa: PTH113
        raise ToolError(f"there is no {source}; install raceshim anew")
    flags = [*_target(words), *_FLAGS, *wish.definitions(shared=shared)]
    if wish.edges:
        flags.append("-momit-leaf-frame-pointer")  # what it calls at each edge is to be short
    kind = "library" if shared else "program"
    path = f"{_cache()}/cover-{wish.mode}-{kind}-{_key(wish.compiler.cc, flags, source)}.o"
    if not os.path.isfile(path):  # noqa: PTH113
        _compile(wish.compiler.cc, flags, source, path)
    return path


def _target(words: list[str]) -> list[str]:
    found = []
    pending = iter(words)
    for word in pending:
        if word in _TARGET_FLAGS_WITH_VALUE:
            found += [word, next(pending, "")]
        elif word.startswith(_TARGET_FLAGS):
            found.append(word)
    return found


def _key(compiler: str, flags: list[str], source: str) -> str:
    """Return a name for all that the object depends on."""
    real = os.path.realpath(compiler)
    parts = [real, _stamp(real), os.getcwd() if "-B" in " ".join(flags) else "", *flags]  # noqa: PTH109
    headers = f"{_prefix.includes()}/raceshim"
    for name in sorted(os.listdir(headers)):  # noqa: PTH208
        parts += [name, _stamp(f"{headers}/{name}")]
    key = hashlib.blake2b("\0".join(parts).encode(errors="surrogateescape"), digest_size=16)
    for name in (source, _prefix.share("cover_registrar.h")):
        with open(name, "rb") as file:  # noqa: PTH123
            key.update(file.read())
    return key.hexdigest()


def _stamp(path: str) -> str:
    found = os.stat(path)  # noqa: PTH116
    return f"{found.st_size} {found.st_mtime_ns}"


def _cache() -> str:
    """Return a folder that only this user can write to."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    for folder in (f"{base}/raceshim", f"/tmp/raceshim-{os.geteuid()}"):  # noqa: S108 - checked below
        if not folder.startswith("/"):
            continue
        try:
            os.makedirs(os.path.dirname(folder), exist_ok=True)  # noqa: PTH103, PTH120
            os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
            found = os.lstat(folder)
        except OSError:
            continue
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
        if private and found.st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ToolError(
        "no folder to keep the coverage registrar in: neither the user's cache nor one in /tmp is "
        "writable for this user alone; set XDG_CACHE_HOME"
    )


def _compile(compiler: str, flags: list[str], source: str, path: str) -> None:
    whole = f"{path}.{os.getpid()}.{_thread.get_native_id()}.tmp"
    line = [compiler, *flags, f"-I{_prefix.includes()}", "-c", source, "-o", whole]
    environ = {name: value for name, value in os.environ.items() if name not in _SIDE_EFFECTS}
    # What the compiler says goes to stderr: stdout may be the build's own pipe.
    pid = os.posix_spawn(line[0], line, environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        if os.path.exists(whole):  # noqa: PTH110
            os.unlink(whole)  # noqa: PTH108
        raise BuildError(
            f"{compiler} cannot compile {source} (status {status}), which describes its counters"
        )
    os.rename(whole, path)  # noqa: PTH104
