# SPDX-License-Identifier: BSD-2-Clause
"""Whose frame is it, and what is it called, whichever compiler and runtime wrote it down.

Two compilers name one function in different ways (`run(void*)` and `run`; `f<int>(int)` and
`void f<int>(int)`; `main::$_0::operator()` and `main::{lambda(int)#1}::operator()`), and one
compiler names it differently from build to build (`f.isra.0`, `f.cold`). `bare_function` brings
them together. Stacks begin in the detector's runtime and end in libc: `origin` tells.
"""

from __future__ import annotations

import posixpath
import re
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from raceshim.finding._interceptors import INTERCEPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.report._model import Frame


class Origin(IntEnum):
    """Where a frame's code comes from, the program's own last."""

    RUNTIME = 0  # the detector, its interceptors, and what starts threads and programs
    LIBRARY = 1  # libc, the C++ library, headers of the system, and raceshim's own functions
    PROGRAM = 2


_CLONE = re.compile(
    r"(?:\.(?:isra|constprop|part|cold|lto_priv|localalias|llvm|_omp_fn|omp_outlined(?:_debug__)?"
    r"|__uniq|resume|destroy|cleanup|specialized|\d+)\b)+$"
)
_VERSION = re.compile(r"@.*$")  # memcpy@@GLIBC_2.14
_PLAIN = re.compile(r"[\w$.@]+$")
_NOTE = re.compile(r" ?[\[(](?:clone )?\.[\w.]+[\])]$")  # f(int) (.cold), f(int) [clone .part.0]
_THUNK = re.compile(r"^(?:(?:non-)?virtual|covariant return) thunk to ")
_LAMBDA = re.compile(
    r"\{lambda\((?:[^(){}]|\([^()]*\))*\)(?:#\d+)?\}|'lambda\d*'(?:\([^()]*\))?|\$_\d+|<lambda[^>]*>"
)
_ANONYMOUS = re.compile(r"\(anonymous namespace\)::|\{anonymous\}::|<unnamed>::")
_ABI = re.compile(r"\[abi:[^\]]*\]")
_OPERATOR = re.compile(
    r"operator ?(?:<=>|->\*|->|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|\(\)|\[\]|"
    r"[-+*/%^&|]=|[-+*/%^&|~!=<>,]|\"\" ?\w+|(?:new|delete)\b ?(?:\[\])?|co_await)"
)
_CONVERSION = re.compile(r"operator (?=[\w(])")
_QUALIFIERS = ("const", "volatile", "noexcept", "&", "&&")
_SPACE = "\0"  # a space that belongs to a name
_BRACKETS = {"<": ">", "(": ")", "[": "]", "{": "}"}

_RUNTIME_FUNCTION = re.compile(
    r"_*interceptor_|__(?:tsan|asan|msan|hwasan|lsan|ubsan|sanitizer|interception|sancov|dfsan)[_:]"
    r"|operator (?:new|delete)\b|asan_thread_start|HwasanThreadStartFunc"
)
_RUNTIME_FILE = re.compile(
    r"/libsanitizer/|(?:^|/)compiler-rt/|/sanitizer_common/"
    r"|^(?:tsan|asan|msan|hwasan|lsan|ubsan|sanitizer|interception)_?[\w.-]*\.o$"
)
_RUNTIME_MODULE = re.compile(
    r"lib(?:tsan|asan|lsan|ubsan|hwasan|clang_rt)[.-]|vgpreload_|valgrind|libarcher"
)
#: Below a program's first function, and below the first function of a thread.
_STARTER = re.compile(
    r"(?:_start|__libc_start_main|__libc_start_main_impl|__libc_start_call_main|__libc_csu_init"
    r"|__do_global_ctors_aux|start_thread|(?:__)?clone3?|__clone_internal|create_thread)$"
)
_LIBRARY_FUNCTION = re.compile(
    r"rshi?_[a-z]|std::|__gnu_cxx::|__cxxabiv1::|__cxa_|__GI_|__libc_|__pthread_kill_implementation"
    r"|(?:abort|raise|gsignal|__assert_fail|__assert_fail_base|__fortify_fail|__stack_chk_fail)$"
)
_LIBRARY_FILE = re.compile(
    r"/include/c\+\+/|^/usr/include/|^/usr/lib/(?:gcc|llvm|clang)|/lib/clang/[\d.]+/include/"
    r"|(?:^|/)sysdeps/(?:unix|nptl|x86|x86_64|aarch64|generic|pthread|posix)/"
    r"|^(?:\./|\.\./)*(?:nptl|csu)/"
)
_LIBRARY_MODULE = re.compile(
    r"lib(?:c|m|dl|rt|pthread|resolv|gcc_s|stdc\+\+|c\+\+|c\+\+abi|unwind|gomp|omp|omp5|iomp5)"
    r"(?:[-.]\d[\d.]*)?\.so|ld-linux|ld-musl|libraceshim(?:-locks)?\.so|linux-vdso|\[vdso\]"
)


@lru_cache(maxsize=1 << 14)
def bare_function(name: str) -> str:
    """Strip a function's name of all that differs between compilers and builds.

    Off go arguments, template arguments, return type, qualifiers behind, the anonymous namespace,
    versions, suffixes of clones, and the numbers of lambdas. Namespaces and classes stay.
    """
    if name.startswith(".omp_outlined"):  # clang 14's own name for a parallel region
        return "omp_outlined"
    if _PLAIN.match(name) and "$_" not in name:
        short = _CLONE.sub("", _VERSION.sub("", name))
        return short or name
    text = _THUNK.sub("", _NOTE.sub("", name.strip()))
    text = _ABI.sub("", _ANONYMOUS.sub("", _LAMBDA.sub("lambda", text)))
    short = _outside_brackets(text)
    return _CLONE.sub("", short) or name


def _outside_brackets(text: str) -> str:
    """Return the name that stands outside all brackets, without return type and qualifiers."""
    kept = ""
    at = 0
    while at < len(text):
        if text.startswith("operator", at) and not _in_word(kept):
            operator = _OPERATOR.match(text, at)
            if operator is not None:
                kept += operator[0].replace(" ", _SPACE)
                at = operator.end()
                continue
            if _CONVERSION.match(text, at):  # operator TYPE(): the type is part of the name
                kept += text[at:].partition("(")[0].replace(" ", _SPACE)
                break
        if text[at] in _BRACKETS:
            at = _closing(text, at)
        else:
            kept += text[at]
            at += 1
    words = [word.strip("&*") for word in kept.split() if word not in _QUALIFIERS]
    return next((word for word in reversed(words) if word), "").replace(_SPACE, " ")


def _in_word(text: str) -> bool:
    return text[-1:].isalnum() or text.endswith("_")


def _closing(text: str, start: int) -> int:
    """Return the place behind the bracket that closes the one at `start`."""
    waiting = [_BRACKETS[text[start]]]
    at = start + 1
    while at < len(text) and waiting:
        if text.startswith("operator", at):
            operator = _OPERATOR.match(text, at)
            if operator is not None:
                at = operator.end()
                continue
        char = text[at]
        if char == waiting[-1]:
            waiting.pop()
        elif char in _BRACKETS:
            waiting.append(_BRACKETS[char])
        at += 1
    return at


def origin(frame: Frame) -> Origin:
    """Tell whose code a frame is."""
    return _origin(frame.function, frame.file, frame.module)


@lru_cache(maxsize=1 << 14)
def _origin(function: str | None, file: str | None, module: str | None) -> Origin:
    name = function or ""
    library = posixpath.basename(module or "")
    if (
        _RUNTIME_FUNCTION.match(name)
        or _STARTER.match(name)
        or _RUNTIME_FILE.search(file or "")
        or _RUNTIME_MODULE.match(library)
        # The runtime in a program that clang has linked is known by nothing but these names.
        or (file is None and _VERSION.sub("", name) in INTERCEPTED)
    ):
        return Origin.RUNTIME
    if (
        _LIBRARY_MODULE.match(library)
        or _LIBRARY_FUNCTION.match(name)
        or _LIBRARY_FILE.search(file or "")
    ):
        return Origin.LIBRARY
    return Origin.PROGRAM


def stable_file(file: str, roots: Sequence[str]) -> str:
    """Return a source file's name as it is in every checkout.

    Below one of `roots` (folders of the project), the path from there; a relative path is taken
    to begin there. Without roots, and for files that are elsewhere, the last part alone.
    """
    path = posixpath.normpath(file).removeprefix("/proc/self/cwd/")
    if not roots:
        return posixpath.basename(path)
    if not path.startswith("/"):
        while path.startswith("../"):
            path = path[3:]
        return path
    for root in sorted((posixpath.normpath(root) for root in roots), key=len, reverse=True):
        if path.startswith(root.rstrip("/") + "/"):
            return path[len(root.rstrip("/")) + 1 :]
    return posixpath.basename(path)
