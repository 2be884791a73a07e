# SPDX-License-Identifier: BSD-2-Clause
"""Names of functions, and what is wrong with calling them from a signal handler."""

from __future__ import annotations

import re

from raceshim.audit._lists import BEYOND, INTERCEPTED, POSIX

#: It is the detector's or the coverage's own.
INSTRUMENTED = "instrumented"
#: ThreadSanitizer puts a function of its own in its place.
INTERCEPTABLE = "interceptable"
#: It may have been interrupted halfway: POSIX does not list it as async-signal-safe.
UNSAFE = "unsafe"
#: It reaches a thread-local variable of a library, whose memory is allocated at the first use.
TLS = "tls"
KINDS = (INSTRUMENTED, INTERCEPTABLE, UNSAFE, TLS)

_HOOK = re.compile(
    r"__(?:tsan|msan|asan|hwasan|dfsan|lsan|ubsan|memprof|sanitizer|rtsan|nsan)_|"
    r"__llvm_(?:profile|gcov|gcda|prf)_|__gcov_|__cyg_profile_func_|__xray_|"
    r"(?:__fentry__|_?mcount|__afl_\w+)$"
)
_TLS = ("__tls_get_addr", "__tls_descriptor", "_dl_tlsdesc_dynamic")
_INTERCEPTOR = re.compile(r"^_{2,3}interceptor_(?:trampoline_)?")
#: Other names of one function: checked at run time, for large files, for old standards.
_VARIANT = re.compile(r"^__(?:isoc(?:99|23)_|libc_|GI_)?(?=[a-z])|(?:_chk)$|64$|_nocancel$")
#: C++'s operators new and delete.
_OPERATOR = re.compile(r"_Z(?:nw|na|dl|da)")


def problems(names: tuple[str, ...], *, is_defined: bool) -> tuple[str, ...]:
    """Return what is wrong with a call of a function that has these names.

    The body of a function that `is_defined` is looked at, so not being on a list is nothing
    against it.
    """
    if any(_HOOK.match(name) for name in names):
        return (INSTRUMENTED,)
    if any(name in _TLS for name in names):
        return (TLS,)
    plain = [_INTERCEPTOR.sub("", name) for name in names]
    is_interceptor = any(name != one for name, one in zip(names, plain, strict=True))
    found = []
    if is_interceptor or any(name in INTERCEPTED or _OPERATOR.match(name) for name in plain):
        found.append(INTERCEPTABLE)
    if (found or not is_defined) and not any(_is_safe(name) for name in plain):
        found.append(UNSAFE)
    return tuple(found)


def _is_safe(name: str) -> bool:
    """Whether handlers may call a function, which may have one of its other names here."""
    if name.startswith("__aarch64_"):  # an atomic, where it is no instruction
        return True
    before = ""
    while before != name and name not in POSIX and name not in BEYOND:
        before, name = name, _VARIANT.sub("", name)
    return name in POSIX or name in BEYOND
