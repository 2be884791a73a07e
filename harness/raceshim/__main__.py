# SPDX-License-Identifier: BSD-2-Clause
"""`python -m raceshim` is `raceshim`."""

from raceshim._cli import main

if __name__ == "__main__":
    raise SystemExit(main())
