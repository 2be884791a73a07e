# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim cover`: read, combine and report what instrumented programs have counted.

`_bytes` and `_units` are the file format, `_inputs` finds and merges files, `_algebra` subtracts
and intersects, `_llvm` and `_profraw` hand the source engine's counters to LLVM's own tools,
`_edges` finds the lines of the fast engine in DWARF, `_model` is what every report is made from.
"""
