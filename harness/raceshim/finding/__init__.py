# SPDX-License-Identifier: BSD-2-Clause
"""Reports of one bug, put together.

`_frames` tells the program's own frames from the runtimes', `_fingerprint` what stays the same of
a bug, `_merge` makes findings of reports, `_sides` and `_rules` say what people want to know.
"""
