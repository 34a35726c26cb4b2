"""Reference values of src/stats/numerics/incomplete-gamma.ts: mpmath quadrature of the density, 50 digits."""

from mpmath import exp, log, loggamma, mp, mpf, quad, sqrt

from support import write

mp.dps = 50
NEGLIGIBLE = -130


def log_tail(a, x, upper):
    """Of Gamma(a, 1): on the side of the mode where the density falls, by quadrature over v = log u; else from 1."""
    a, x = mpf(a), mpf(x)
    if (x > a) != upper:
        return mp.log1p(-exp(log_tail(a, x, not upper)))
    start = log(x)
    drop = lambda v: a * (v - start) - x * mp.expm1(v - start)
    step = mpf(min(1 / sqrt(a), 2)) * (1 if upper else -1)
    edges = [start]
    while drop(edges[-1]) > NEGLIGIBLE:
        edges.append(edges[-1] + step)
    return a * start - x - loggamma(a) + log(abs(quad(lambda v: exp(drop(v)), edges)))


POINTS = [(0.5, 1e-9), (0.5, 0.1), (0.5, 1.4999), (0.5, 1.5001), (0.5, 20), (0.5, 700), (0.5, 1e5), (1, 1e-300), (1, 1)]
POINTS += [(1, 800), (1.5, 2), (3, 0.01), (9.99, 12), (10, 10), (10, 11), (10.5, 400), (100, 60), (100, 100), (100, 250)]
POINTS += [(1e4, 9e3), (1e4, 1e4), (1e4, 1.2e4), (1e6, 998000), (1e6, 1e6 + 1), (1e6, 1005000), (1e8, 99980000), (1e8, 1e8)]
POINTS += [(1e8, 100030000), (1e8, 2e8), (5e8, 1), (0.1, 0.05), (0.1, 3), (2.5, 1e8), (25, 1e-5), (0.1, 1e-200)]

write(
    "incomplete_gamma",
    {
        "logRegularizedGammaP": [[a, x, log_tail(a, x, False)] for a, x in POINTS],
        "logRegularizedGammaQ": [[a, x, log_tail(a, x, True)] for a, x in POINTS],
    },
)
