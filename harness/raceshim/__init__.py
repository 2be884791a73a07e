# SPDX-License-Identifier: BSD-2-Clause
"""raceshim: build C under a race detector, run it, and judge what the detector said.

Importing this package imports nothing else: build systems and pytest load it at every start.
"""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Find the version when somebody asks for it."""
    if name == "__version__":
        from raceshim.cc._prefix import version  # noqa: PLC0415 - see the docstring above

        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
