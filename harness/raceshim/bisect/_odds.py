# SPDX-License-Identifier: BSD-2-Clause
"""How many runs have to be silent for a commit to be good.

A finding that is shown is there. One that is not shown in n runs may be there all the same, with
probability (1-p)^n where it shows in a run with p. So only silence can be wrong, and all that may
go wrong is an `error` that is split beforehand over the commits that are tested. How many those are
is known beforehand too: the good ends, and as often as the commits between can be halved. More may
be needed where commits cannot be tested, or where branches are merged: one more share is kept for
them, of which each takes half of what is left.

What a commit may cost is gone when it is tested, whatever comes of it. Were the shares of bad
commits, where nothing went wrong, given to others, they would sum up to more than the error.

p is not known. It has taken R runs until K of them have shown the finding, and R is long or short
by chance. But n = cR runs are silent after that with a probability of

    (p q^c / (1 - q^(1+c)))^K  <=  (1 + c)^-K  =  (R / (R + n))^K        with q = 1 - p

whatever p is, for (1+c)(1-q)q^c is at most the integral of (1+c)t^c from q to 1. So n follows from
K, R and the share alone; nobody has to guess a rate first. It holds too where R runs were fixed
beforehand and K is what they have shown: then n differs with K, and the sum over all K is less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from raceshim.runs._rates import at_most_so_often

#: Below this probability under what was measured, what is seen speaks against it.
_UNLIKELY = 0.01
#: So little more than a whole number of runs is none: the rest of a logarithm.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Measured:
    """A rate of which nothing is known but that so many of so many runs have shown it."""

    shown: int
    runs: int

    def silent(self, error: float) -> float:
        """Return how many runs are silent with this probability."""
        return self.runs * math.expm1(-math.log(error) / self.shown)

    def unlikely(self, shown: int, runs: int) -> float:
        """Return with which probability it takes so many runs, or more, to be shown so often."""
        return at_most_so_often(shown - 1, shown - 1 + self.shown, runs / (runs + self.runs))


@dataclass(frozen=True, slots=True)
class Known:
    """A rate that is known."""

    rate: float

    def silent(self, error: float) -> float:
        """Return how many runs are silent with this probability."""
        return 1.0 if self.rate >= 1 else math.log(error) / math.log1p(-self.rate)

    def unlikely(self, shown: int, runs: int) -> float:
        """Return with which probability it takes so many runs, or more, to be shown so often."""
        return at_most_so_often(shown - 1, runs - 1, self.rate)


@dataclass(frozen=True, slots=True)
class Odds:
    """What may go wrong, and how it is split.

    Silence is split over `expected` commits. `round_` is how many runs make every policy and every
    input come up once: silence is of whole rounds.
    """

    error: float
    rate: Measured | Known
    expected: int
    round_: int = 1

    def share(self, place: int) -> float:
        """Return with which probability silence may be wrong at the nth commit, from 0 on."""
        each = self.error / (self.expected + 1)
        return each if place < self.expected else each * 0.5 ** (place - self.expected + 1)

    def runs(self, place: int) -> int:
        """Return in how many runs it must not show for the nth commit to be good."""
        needed = max(self.rate.silent(self.share(place)) - _NOTHING, 1.0)
        return math.ceil(needed / self.round_) * self.round_

    def doubted(self, shown: int, runs: int) -> bool:
        """Whether it speaks against the rate that it took so many runs until so many showed it.

        Of commits that are bad; each run that has shown it was the last one there.
        """
        return bool(shown) and self.rate.unlikely(shown, runs) < _UNLIKELY


def expected(ends: int, between: int) -> int:
    """Return how many commits are tested: the good ends, and halvings of those between them."""
    return ends + max(between - 1, 0).bit_length()
