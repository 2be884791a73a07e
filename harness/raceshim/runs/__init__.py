# SPDX-License-Identifier: BSD-2-Clause
"""Runs of one thing, many times: which runs there are, and what their number says.

`_plan` makes a run's seeds and policy out of its number alone, `_rates` knows the statistics,
`_tally` counts what was shown by which run. Nothing here runs anything.
"""
