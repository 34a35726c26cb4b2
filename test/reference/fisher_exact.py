"""Reference values of src/stats/fixed/fisher-exact.ts: whole-number arithmetic, and scipy where it agrees to 1e-9."""

from fractions import Fraction
from math import comb

from mpmath import exp, log, loggamma, mp, mpf
from scipy.stats import fisher_exact

from support import write

mp.dps = 50


def by_counting(x1, n1, x2, n2):
    marked = x1 + x2
    ways = {k: comb(n1, k) * comb(n2, marked - k) for k in range(max(0, marked - n2), min(n1, marked) + 1)}
    total, seen = comb(n1 + n2, marked), ways[x1]
    parts = [
        sum(w for w in ways.values() if w <= seen),
        sum(w for k, w in ways.items() if k >= x1),
        sum(w for k, w in ways.items() if k <= x1),
    ]
    p = [Fraction(part, total) for part in parts]
    table = [[x1, n1 - x1], [x2, n2 - x2]]
    for own, side in zip(p, ("two-sided", "greater", "less")):
        assert abs(fisher_exact(table, alternative=side)[1] - float(own)) < 1e-9
    return [log(mpf(part.numerator)) - log(mpf(part.denominator)) for part in p]


def by_logarithms(x1, n1, x2, n2):
    """For margins of 1e8: terms from log gamma at 50 digits, all within 12 standard deviations or 400 counts."""
    marked, size = x1 + x2, n1 + n2
    log_comb = lambda n, k: loggamma(n + 1) - loggamma(k + 1) - loggamma(n - k + 1)
    log_p = lambda k: log_comb(n1, k) + log_comb(n2, marked - k) - log_comb(size, marked)
    mean = n1 * marked // size
    sd = int((n1 / size * (n2 / size) * marked * (1 - marked / size)) ** 0.5) + 1
    reach = max(12 * sd, 400)
    low, high = max(0, marked - n2), min(n1, marked)
    limit = log_p(x1) + mpf(10) ** -12

    def total(start, stop):
        """Terms from start to stop, the first one from log gamma and each next one by its ratio."""
        term, result = exp(log_p(start)), mpf(0)
        for k in range(start, stop):
            result += term
            term *= mpf((marked - k) * (n1 - k)) / ((k + 1) * (n2 - marked + k + 1))
        return result

    start, stop = max(low, min(x1, mean) - reach), min(high, max(x1, mean) + reach) + 1
    less, greater = total(start, x1 + 1), total(x1, stop)
    # The other side, by trying from its far end inwards.
    two = greater if x1 >= mean else less
    if x1 >= mean:
        k = mean - reach if mean - reach > low else low
        while k < x1 and log_p(k) <= limit:
            k += max(1, sd // 50)
        while k >= low and log_p(k) > limit:
            k -= 1
        two += total(start, k + 1) if k >= low else 0
    else:
        k = mean + reach if mean + reach < high else high
        while k > x1 and log_p(k) <= limit:
            k -= max(1, sd // 50)
        while k <= high and log_p(k) > limit:
            k += 1
        two += total(k, stop) if k <= high else 0
    return [log(two), log(greater), log(less)]


SMALL = [(3, 4, 1, 4), (4, 4, 0, 4), (0, 4, 0, 4), (4, 4, 4, 4), (1, 1, 0, 1), (10, 15, 2, 15), (2, 15, 10, 15), (7, 12, 5, 12)]
SMALL += [(0, 5, 3, 100), (5, 56, 0, 29), (31, 32, 9, 11), (120, 400, 80, 410), (1200, 2000, 10, 2000), (3, 4, 500, 1000)]
LARGE = [(10, 10**8, 40, 10**8), (0, 10**8, 60, 10**8), (500, 10**8, 400, 2 * 10**8), (3, 10, 10**7, 10**8)]
LARGE += [(99999950, 10**8, 99999990, 10**8), (2000, 10**6, 2150, 10**6), (1000, 1000, 10**6, 10**8)]

write(
    "fisher_exact",
    {
        "tables": [
            {
                "candidate": {"events": x1, "trials": n1},
                "stable": {"events": x2, "trials": n2},
                "logPValues": method(x1, n1, x2, n2),
            }
            for method, cases in ((by_counting, SMALL), (by_logarithms, LARGE))
            for x1, n1, x2, n2 in cases
        ]
    },
)
