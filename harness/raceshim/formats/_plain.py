# SPDX-License-Identifier: BSD-2-Clause
"""Text that every output format can carry.

Reports hold whatever a program was named, wrote, or had in its memory: control characters, bytes
that are no UTF-8 (surrogates), characters that XML 1.0 forbids. They become U+FFFD, so that a
finding can never spoil the document that tells of it.
"""

from __future__ import annotations

import re

#: Everything but tab, newline and what XML 1.0 allows; C1 controls drive terminals, so not they.
_UNFIT = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BLANK = re.compile(r"\s+")


def printable(text: str) -> str:
    """Return the text with line ends as newlines and nothing that a document cannot hold."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return the text as a single line without blanks at its ends."""
    return _BLANK.sub(" ", printable(text)).strip()
