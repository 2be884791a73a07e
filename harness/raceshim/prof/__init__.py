# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof`: record CPU profiles, and read profiles in the format of pprof.

`_schema` is the format, `_read` makes of a file the `_model` that everything else works on,
`_select` takes a part of it, `_lines` finds lines and inlined functions in DWARF, `_demangle` makes
C++ names readable. `_tables`, `_tree` and `_diff` count; `_top`, `_json`, `_raw`, `_svg` and
`_page` only encode. `_record` runs a command under the profiler, `_lab` a test's program.
"""
