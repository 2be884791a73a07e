# SPDX-License-Identifier: BSD-2-Clause
"""What detectors say, read into values.

`_parse` finds whose report a line belongs to, `_tsan`, `_errors`, `_ubsan` and `_valgrind` know
the families, `_frames` the stack frames, `_failures` the signs of life and death; `_model` is the
values.
"""
