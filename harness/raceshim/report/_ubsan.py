# SPDX-License-Identifier: BSD-2-Clause
"""UndefinedBehaviorSanitizer: one line, `FILE:LINE:COLUMN: runtime error: MESSAGE`.

Notes, a picture of the bytes, a stack (print_stacktrace=1) and a summary (clang) may follow. No
process is named. The kind is the name of the check, as -fsanitize= knows it.
"""

from __future__ import annotations

import re

from raceshim.report._model import Frame
from raceshim.report._open import OpenReport

MARK = ": runtime error: "
_PLACE = re.compile(r"(\S*?):(\d{1,9})(?::(\d{1,9}))?$")
_NOTE = re.compile(
    r"0x[0-9a-f]+: note: |<memory cannot be printed>|[ 0-9a-f]+$|[ ^~]+$| +[a-z]+ for "
)
_SUMMARY = "SUMMARY: UndefinedBehaviorSanitizer: "
_KINDS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"division by zero", "integer-divide-by-zero"),
        (r"unsigned integer overflow", "unsigned-integer-overflow"),
        (r"signed integer overflow|negation of|division of", "signed-integer-overflow"),
        (r"shift exponent|left shift of", "shift"),
        (r"index .* out of bounds", "bounds"),
        (r".* misaligned address|assumption of ", "alignment"),
        (r".* insufficient space for an object", "object-size"),
        (r".* which does not point to an object of type", "vptr"),
        (r"call to function .* through pointer to incorrect", "function"),
        (r"null pointer (passed|returned)", "nonnull-attribute"),
        (r"(addition|subtraction) of unsigned offset|pointer index|applying", "pointer-overflow"),
        (r".* null pointer", "null"),
        (r"load of value .* for type '(const |volatile )*(_Bool|bool)'", "bool"),
        (r"load of value ", "enum"),
        (r".* outside the range of representable values", "float-cast-overflow"),
        (r"variable length array bound", "vla-bound"),
        (r"execution reached an? unreachable|execution reached a __builtin_un", "unreachable"),
        (r"execution reached the end of", "return"),
        (r"implicit conversion", "implicit-conversion"),
        (r"passing zero to", "builtin"),
    )
)


class UbsanReport(OpenReport):
    """A report being read, from its line on."""

    def __init__(self, line: str) -> None:
        place, _, message = line.partition(MARK)
        kind = next((kind for form, kind in _KINDS if form.match(message)), "undefined-behavior")
        super().__init__("UndefinedBehaviorSanitizer", kind, None, line)
        found = _PLACE.search(place)
        self.location = found[0] if found else place
        self._message = message
        self._place = found
        self._open_stack = False

    def _feed(self, line: str) -> bool:
        if self.summary is None:
            if self.take_frame(line):
                self._open_stack = True
                return True
            if line.startswith(_SUMMARY):
                if self._ended:
                    self.summary = line.removeprefix(_SUMMARY).rstrip()
                    self._open_stack = False
                    self.closed = True
                return True
            if not line and self._open_stack:
                self._open_stack = False
                return True
            if not self._ended and line.startswith(("    #", "@{#")):
                self.sound = False  # the beginning of a frame
                return True
            if _NOTE.match(line):
                return True
        self.closed = True
        return False

    def end_stack(self, *, restored: bool = True) -> None:
        """End the stack; without one, the place in the source stands for it."""
        self._label = self._message if self._label is None else self._label
        self._role = "access"
        if not self._frames and not self.stacks and self._place is not None:
            file, line, column = self._place.groups()
            self._frames.append(Frame(None, file, int(line), int(column or 0), None, None))
        super().end_stack(restored=restored)

    def may_end(self) -> bool:
        """Tell whether the one line is all, or a stack is ended by its empty line."""
        return not self._open_stack

    def _whole(self) -> bool:
        return self.may_end() and bool(self.stacks)
