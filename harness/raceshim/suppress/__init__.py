# SPDX-License-Identifier: BSD-2-Clause
"""What people have answered for: read, matched, and told when it has outlived its bug."""
