"""Reference values of src/stats/fixed/mann-whitney.ts.

Small samples: all assignments of the pooled values, one by one, and scipy's exact p value where there are no ties. Large
ones: scipy's normal approximation, its tails with mpmath. The shift and its interval: all differences sorted by numpy,
and the distribution of U counted by its recurrence in whole numbers.
"""

from fractions import Fraction
from itertools import combinations

import numpy
from mpmath import log, mp, mpf, ncdf
from scipy.stats import mannwhitneyu, norm, rankdata

from support import write

mp.dps = 40
EXACT_PRODUCT_MAX = 800


def recurrence(m, n):
    """Ways to each U: f(m, n, u) = f(m - 1, n, u - n) + f(m, n - 1, u)."""
    rows = [[1] for _ in range(n + 1)]
    for i in range(1, m + 1):
        new = [[1]]
        for j in range(1, n + 1):
            left, above = rows[j], new[j - 1]
            size = i * j + 1
            at = lambda ways, u: ways[u] if 0 <= u < len(ways) else 0
            new.append([at(left, u - j) + at(above, u) for u in range(size)])
        rows = new
    return rows[n]


def exact_tails(x, y):
    pooled = x + y
    ranks = [int(2 * r) for r in rankdata(pooled)]
    seen = sum(ranks[: len(x)])
    if len(set(pooled)) == len(pooled):
        ways = recurrence(len(x), len(y))
        u = (seen - len(x) * (len(x) + 1)) // 2
        parts = [sum(ways[u:]), sum(ways[: u + 1])]
        total = sum(ways)
        own = [mannwhitneyu(x, y, alternative=side, method="exact").pvalue for side in ("greater", "less")]
        assert all(abs(p - part / total) < 1e-12 for p, part in zip(own, parts))
    else:
        sums = [sum(choice) for choice in combinations(ranks, len(x))]
        parts = [sum(s >= seen for s in sums), sum(s <= seen for s in sums)]
        total = len(sums)
    fractions = [Fraction(int(part), int(total)) for part in parts]
    return [log(mpf(f.numerator) / f.denominator) for f in fractions]


def normal_tails(x, y):
    m, n = len(x), len(y)
    size = m + n
    _, ties = numpy.unique(numpy.array(x + y), return_counts=True)
    correction = sum(int(t) ** 3 - int(t) for t in ties)
    sd = mp.sqrt(mpf(m * n) / 12 * (size + 1 - mpf(correction) / (size * (size - 1))))
    u = mpf(mannwhitneyu(x, y).statistic)
    tails = [ncdf(-(u - mpf(m * n) / 2 - mpf(1) / 2) / sd), ncdf(-(mpf(m * n) / 2 - u - mpf(1) / 2) / sd)]
    for side, tail in zip(("greater", "less"), tails):
        peer = mannwhitneyu(x, y, alternative=side, method="asymptotic").pvalue
        assert abs(peer - float(tail)) < 1e-10
    return [log(tail) for tail in tails]


def interval(x, y, alpha):
    m, n = len(x), len(y)
    differences = numpy.sort(numpy.subtract.outer(numpy.array(x), numpy.array(y)).ravel())
    if min(m, n) * (m + n) <= EXACT_PRODUCT_MAX:
        ways = recurrence(m, n)
        total, below, rank = sum(ways), 0, 0
        while rank < len(ways) and Fraction(below + ways[rank], total) <= Fraction(alpha) / 2:
            below += ways[rank]
            rank += 1
    else:
        rank = int(numpy.floor(m * n / 2 + 0.5 - norm.isf(alpha / 2) * (m * n * (m + n + 1) / 12) ** 0.5))
    shift = float(numpy.median(differences))
    return shift, [float(differences[rank - 1]), float(differences[-rank])] if rank >= 1 else None


def case(x, y, alpha):
    x, y = [float(v) for v in x], [float(v) for v in y]
    exact = min(len(x), len(y)) * (len(x) + len(y)) <= EXACT_PRODUCT_MAX
    tails = exact_tails(x, y) if exact else normal_tails(x, y)
    shift, limits = interval(x, y, alpha)
    return {
        "candidate": x,
        "stable": y,
        "alpha": alpha,
        "method": "exact" if exact else "normal",
        "u": float(mannwhitneyu(x, y).statistic),
        "logGreater": tails[0],
        "logLess": tails[1],
        "shift": shift,
        "limits": limits,
    }


draw = numpy.random.default_rng(20240607)
rounded = lambda values, digits=3: [round(float(v), digits) for v in values]
CASES = [([3, 4], [1, 2], 0.05), ([2, 2], [1, 1], 0.4), ([5], [1, 2, 3], 0.6), ([1, 2, 2, 3], [2, 3, 4, 4, 5], 0.1)]
CASES += [([0, 0, 0, 0, 7], [0, 0, 0, 1, 0], 0.05), ([1, 1, 1], [1, 1, 2], 0.3), ([1, 2, 3, 4, 5, 6], [1e9, 2e9], 0.1)]
CASES += [([0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46], [1.15, 0.88, 0.9, 0.74, 1.21], 0.05)]
CASES += [(rounded(draw.normal(0.4, 1, 20), 9), rounded(draw.normal(0, 1, 20), 9), 0.05)]
CASES += [(rounded(draw.normal(0, 1, 90), 9), rounded(draw.normal(0, 1, 7), 9), 0.01)]
CASES += [(rounded(draw.normal(1e9, 1, 30)), rounded(draw.normal(1e9 - 1, 2, 41)), 0.05)]
CASES += [(rounded(draw.poisson(0.2, 60)), rounded(draw.poisson(0.6, 50)), 0.05)]
CASES += [([0] * 70 + [1], [0] * 70 + [1] * 2, 0.05), (rounded(draw.lognormal(0, 2, 60)), rounded(draw.lognormal(1, 2, 80)), 1e-6)]
CASES += [(list(range(40)), list(range(100, 140)), 0.05), (rounded(range(-30, 0)), rounded(range(-29, 1)), 0.05)]



def sequence(factor, scale, shift):
    """Too long to list: the test makes the same values from these three numbers."""
    return [float(scale * (i * factor % 10007) + shift) for i in range(1, 3001)]


def long(first, second):
    keys = ("factor", "scale", "shift")
    result = case(sequence(*first), sequence(*second), 0.05)
    return result | {"candidate": dict(zip(keys, first)), "stable": dict(zip(keys, second))}


SEQUENCES = [((7919, 1, 0), (104729, 2, 0)), ((7919, 1, 0), (7919, 1, 20020)), ((7919, 1, 0), (104729, 1, 40))]
write("mann_whitney", {"samples": [case(*arguments) for arguments in CASES], "sequences": [long(*pair) for pair in SEQUENCES]})
