"""Reference values of src/stats/sequential/bernoulli-sequence.ts: the restricted mixture by integrals over the
rates, the limits by bisection of it, at 25 digits."""

from mpmath import log, mp, mpf

from beta_tails import log_upper
from support import write

mp.dps = 25
HALF = mpf(1) / 2


def more(k, rest, p):
    return log_upper(k + HALF, rest + HALF, p) - log_upper(HALF, HALF, p) - k * log(p) - rest * log(1 - p)


def lower(k, rest, threshold):
    if k == 0:
        return mpf(0)
    low, high = mpf(10) ** -6, mpf(k) / (k + rest)
    for _ in range(70):
        middle = (low + high) / 2
        if more(k, rest, middle) >= threshold:
            low = middle
        else:
            high = middle
    return low


CASES = [
    (0, 1, 0.01, 0.05),
    (1, 1, 0.01, 0.05),
    (0, 1000, 0.01, 0.05),
    (25, 1000, 0.01, 0.05),
    (40, 1000, 0.01, 0.001),
    (1000, 1000, 0.999, 0.01),
    (3, 10, 0.5, 0.2),
    (490, 1000, 0.5, 0.05),
    (10_000, 100_000, 0.09, 0.01),
]
write(
    "bernoulli_sequence",
    {
        "sequences": [
            {
                "events": k,
                "trials": n,
                "rate": p,
                "alpha": alpha,
                "logEvidenceAbove": more(k, n - k, mpf(p)),
                "logEvidenceBelow": more(n - k, k, 1 - mpf(p)),
                "lower": lower(k, n - k, -log(mpf(alpha))),
                "upper": 1 - lower(n - k, k, -log(mpf(alpha))),
            }
            for k, n, p, alpha in CASES
        ]
    },
)
