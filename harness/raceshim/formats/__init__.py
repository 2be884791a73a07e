# SPDX-License-Identifier: BSD-2-Clause
"""The output formats. `_result` is their one input; the others only encode it."""
