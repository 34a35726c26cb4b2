"""Reference ranks of src/stats/sequential/quantile-ranks.ts, found with scipy's beta distribution.

The likelihood ratio is averaged over one side by the distribution functions of scipy instead of the continued fraction
of the implementation, and ranks are searched one by one.
"""

from math import ceil, log, log1p

from scipy.special import betaln
from scipy.stats import beta

from support import write


def evidence(k, n, p, above):
    """log E of k among n values up to the quantile, against at most p (above) or at least p (not above)."""
    strength = 0.5 / min(p, 1 - p)
    a, b = strength * p, strength * (1 - p)
    tail = beta.logsf if above else beta.logcdf
    value = betaln(a + k, b + n - k) - betaln(a, b) - k * log(p) - (n - k) * log1p(-p)
    return value + tail(p, a + k, b + n - k) - tail(p, a, b)


def ranks(n, p, alpha):
    threshold = log(2 / alpha)
    upper = next((k for k in range(ceil(n * p), n + 1) if evidence(k, n, p, True) >= threshold), None)
    too_few = next((k for k in range(int(n * p), -1, -1) if evidence(k, n, p, False) >= threshold), None)
    result = {} if upper is None else {"upper": upper}
    return result if too_few is None else {**result, "lower": too_few + 1}


def needed(p, alpha):
    threshold = log(2 / alpha)
    upper = next(n for n in range(1, 100_000) if evidence(n, n, p, True) >= threshold)
    lower = next(n for n in range(1, 100_000) if evidence(0, n, p, False) >= threshold)
    return max(upper, lower)


COUNTS = [1, 2, 10, 50, 200, 443, 444, 1000, 5000, 20000]
LEVELS = [(0.5, 0.05), (0.9, 0.05), (0.95, 0.01), (0.99, 0.05), (0.99, 0.02), (0.999, 0.05), (0.01, 0.05)]
write(
    "quantile_ranks",
    {
        "ranks": [
            {"count": n, "quantile": p, "alpha": alpha, "expected": {**ranks(n, p, alpha), "needed": needed(p, alpha)}}
            for p, alpha in LEVELS
            for n in COUNTS
        ]
    },
)
