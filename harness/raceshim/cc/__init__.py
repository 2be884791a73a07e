# SPDX-License-Identifier: BSD-2-Clause
"""The compiler with a detector: which one, with which flags, and where the library is."""
