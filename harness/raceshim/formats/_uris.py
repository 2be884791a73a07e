# SPDX-License-Identifier: BSD-2-Clause
"""File names as URIs, relative to the folder of the sources wherever they can be."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import PurePath


def relative_path(path: str, root: PurePath) -> str | None:
    """Return a path below `root` relative to it; None when it is elsewhere.

    A relative path in debug information is one that the build wrote, from the project's folder.
    """
    base = posixpath.normpath(str(root))
    clean = posixpath.normpath(path)
    if not posixpath.isabs(clean):
        return None if clean == ".." or clean.startswith("../") else clean
    prefix = base.rstrip("/") + "/"
    if base == "/" or not clean.startswith(prefix):
        return None
    return clean.removeprefix(prefix)


def relative_uri(path: str, root: PurePath, base: str) -> dict[str, str]:
    """Return a SARIF artifactLocation."""
    below = relative_path(path, root)
    if below is not None:
        return {"uri": _quoted(below), "uriBaseId": base}
    clean = posixpath.normpath(path)
    if posixpath.isabs(clean):
        return {"uri": "file://" + _quoted("/" + clean.lstrip("/"))}
    return {"uri": _quoted(clean)}


def folder_uri(folder: PurePath) -> str:
    """Return the file URI of a folder; it ends with a slash, as the base of others must."""
    path = posixpath.normpath(str(folder)).strip("/")
    return "file:///" + (_quoted(path) + "/" if path else "")


def _quoted(path: str) -> str:
    # A name that is no text has the bytes that it has on the disk.
    try:
        data = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = path.encode("utf-8", "replace")
    return quote(data, safe="/-._~+,@=!")
