# SPDX-License-Identifier: BSD-2-Clause
"""What all pages have in common: one file that loads nothing, in which no text becomes markup."""
