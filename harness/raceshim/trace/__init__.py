# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim trace`: record what threads do and when, and look at it.

`_schema` is Perfetto's format, `_packets` and `_raw` make of a file the `_model` that everything
else works on, `_read` tells the formats apart. `_check` looks for what no tracer writes that is
right. `_summary` and `_text` are for people, `_chrome`, `_ctf` and `_page` for other programs and
browsers. `_record` runs a command whose processes trace themselves.
"""
