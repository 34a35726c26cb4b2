"""Reference values of src/stats/fixed/quantiles.ts: numpy's type-7 quantile; binomial tails summed exactly (small) or by
scipy (large)."""

from fractions import Fraction
from math import comb

import numpy
from mpmath import mp, mpf
from scipy import stats
from support import write

mp.dps = 40
rng = numpy.random.default_rng(3)


def at_least(k, n, p):
    """P(Binomial(n, p) >= k), exact for small n."""
    if n <= 400:
        p = Fraction(p)
        return mpf_of(sum(comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1)))
    return mpf(stats.binom.sf(k - 1, n, p))


def mpf_of(fraction):
    return mpf(fraction.numerator) / mpf(fraction.denominator)


def ranks(n, p, alpha):
    """Ranks by walking outwards from the middle; None where a side does not exist."""
    centre = int(n * p)
    upper = next((k for k in walk(centre, n, 1) if at_least(k, n, p) <= alpha / 2), None)
    lower = next((k for k in walk(centre + 1, 1, -1) if 1 - at_least(k, n, p) <= alpha / 2), None)
    if upper is None or lower is None:
        return {"count": n, "quantile": p, "alpha": alpha, "lower": None, "upper": None, "coverage": None}
    failure = at_least(upper, n, p) + 1 - at_least(lower, n, p)
    return {"count": n, "quantile": p, "alpha": alpha, "lower": lower, "upper": upper, "coverage": 1 - failure}


def walk(start, stop, step):
    return range(max(1, start), stop + step, step)


def large_ranks(n, p, alpha):
    """Ranks of scipy's binomial quantiles, moved until the tails say so."""
    upper = int(stats.binom.isf(alpha / 2, n, p)) - 3
    while stats.binom.sf(upper - 1, n, p) > alpha / 2:
        upper += 1
    lower = int(stats.binom.ppf(alpha / 2, n, p)) + 3
    while stats.binom.cdf(lower - 1, n, p) > alpha / 2:
        lower -= 1
    failure = stats.binom.sf(upper - 1, n, p) + stats.binom.cdf(lower - 1, n, p)
    return {"count": n, "quantile": p, "alpha": alpha, "lower": lower, "upper": upper, "coverage": 1 - failure}


def sample(name, values, quantiles):
    values = sorted(map(float, values))
    return {
        "name": name,
        "sorted": values,
        "quantiles": [{"quantile": q, "value": float(numpy.quantile(values, q))} for q in quantiles],
    }


QUANTILES = [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1]
write(
    "order_statistics",
    {
        "ranks": [
            ranks(n, p, alpha)
            for n, p, alpha in [
                (5, 0.5, 0.05),
                (6, 0.5, 0.05),
                (10, 0.5, 0.05),
                (20, 0.5, 0.05),
                (100, 0.5, 0.05),
                (100, 0.9, 0.05),
                (28, 0.9, 0.1),
                (29, 0.9, 0.1),
                (367, 0.99, 0.05),
                (368, 0.99, 0.05),
                (400, 0.03125, 0.001),
                (1, 0.5, 0.5),
                (2, 0.5, 0.5),
                (0, 0.5, 0.5),
            ]
        ]
        + [
            large_ranks(n, p, alpha)
            for n, p, alpha in [(10_000, 0.99, 0.05), (10**6, 0.5, 1e-9), (10**8, 0.999, 0.01), (10**8, 0.5, 0.05)]
        ],
        "samples": [
            sample("one value", [3.25], QUANTILES),
            sample("two values", [-1, 1], QUANTILES),
            sample("ties", [1, 1, 1, 2, 2, 7], QUANTILES),
            sample("a constant", [0.1] * 9, QUANTILES),
            sample("near 1e9", 1e9 + rng.normal(size=12), QUANTILES),
            sample("skewed", rng.lognormal(size=37), QUANTILES),
        ],
    },
)
