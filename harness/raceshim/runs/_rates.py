# SPDX-License-Identifier: BSD-2-Clause
"""What a number of runs says about a rate, and about what none of them has shown.

All of it holds for runs that know nothing of each other and are under the same conditions.
"""

from __future__ import annotations

import math

#: Of the normal distribution, for 95 %.
_Z = 1.959963984540054
_CONFIDENCE = 0.95
#: 1, 2, 3, 5, 10, ...: rates are told as "1 run of 50".
_NICE = tuple(step * 10**power for power in range(9) for step in (1, 2, 3, 5))


def wilson(shown: int, runs: int) -> tuple[float, float]:
    """Return the bounds of the rate of which `shown` of `runs` is a sample, at 95 %.

    Wilson's score interval: it holds for few runs, and for 0 and all of them, where the usual
    `p ± 2 s` has no width.
    """
    if runs == 0:
        return 0.0, 1.0
    rate, square = shown / runs, _Z * _Z
    middle = rate + square / (2 * runs)
    spread = _Z * math.sqrt(rate * (1 - rate) / runs + square / (4 * runs * runs))
    scale = 1 + square / runs
    low = 0.0 if shown == 0 else max((middle - spread) / scale, 0.0)
    high = 1.0 if shown == runs else min((middle + spread) / scale, 1.0)
    return low, high


def runs_to(rate: float, confidence: float = _CONFIDENCE) -> int | None:
    """Return in how many runs something of this rate shows with this probability; None: never."""
    if rate <= 0:
        return None
    if rate >= 1:
        return 1
    return max(1, math.ceil(math.log1p(-confidence) / math.log1p(-rate) - 1e-9))


def at_most_so_often(shown: int, runs: int, rate: float) -> float:
    """Return the probability that something of this rate shows in no more than so many runs."""
    if shown >= runs or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    term = math.lgamma(runs + 1)
    return min(
        1.0,
        math.fsum(
            math.exp(
                term
                - math.lgamma(k + 1)
                - math.lgamma(runs - k + 1)
                + k * math.log(rate)
                + (runs - k) * math.log1p(-rate)
            )
            for k in range(shown + 1)
        ),
    )


def missed(rate: float, runs: int) -> float:
    """Return the probability that something of this rate shows in none of the runs."""
    return (1 - rate) ** runs


def rarest(runs: int, confidence: float = _CONFIDENCE) -> int | None:
    """Return the k for which 1 run of k would have shown in `runs` with this probability.

    The largest round one; None where nothing can be said, for one run has been one.
    """
    known = [k for k in _NICE if k > 1 and missed(1 / k, runs) <= 1 - confidence]
    return known[-1] if known else None


def sureness(runs: int) -> str:
    """Say what it means that a number of runs has shown nothing."""
    of = f"0 of {runs} runs" if runs != 1 else "0 of 1 run"
    k = rarest(runs)
    if k is None:
        return f"{of}; too few to have met a race that shows in every other run (5 are enough)"
    return (
        f"{of}; a race that shows in 1 run of {k} would have been missed "
        f"with p < {_above(missed(1 / k, runs))}"
    )


def percent(rate: float) -> str:
    """Write a rate as people do: `0.05 %`, `3.1 %`, `85 %`."""
    value = 100 * rate
    if value in (0, 100) or value >= 10:
        # 99.6 is not 100, and 0.04 is not 0.
        return f"{min(value, 99.9):.1f} %" if 99.5 <= value < 100 else f"{value:.0f} %"
    return f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"


def _above(probability: float) -> str:
    """Return a round number of per cent that a probability is below."""
    value = 100 * probability
    if value >= 1:
        return f"{math.floor(value) + 1} %"
    step = 10.0 ** math.floor(math.log10(max(value, 1e-6)))
    return f"{(math.floor(value / step) + 1) * step:.1g} %"
