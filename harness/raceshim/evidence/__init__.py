# SPDX-License-Identifier: BSD-2-Clause
"""What runs, and what it leaves behind.

`_run` starts a command with the detectors' options, `_logs` keeps what they write, `_tee`, `_scan`
and `_printed` what they print; `_processes` reads it all, with the proof that a detector watched:
its `_exit_record`, and what the executable shows (`_instrumented`). `_unwatched` finds who escaped,
`_canary` plants a race that must be caught, `_late` gives names to logs written without.
"""
