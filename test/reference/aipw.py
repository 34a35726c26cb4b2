"""Reference values of src/stats/sequential/aipw.ts: the increments by numpy, the one-sided mixture and its limits by
scipy's quadrature and root finding."""

import numpy
from scipy import integrate, optimize, stats

from support import write

TIGHTEST = 2 * numpy.log(20) + numpy.log(1 + 2 * numpy.log(20))


def draw(seed, steps, arms):
    random = numpy.random.default_rng(seed)
    rows = []
    for _ in range(steps):
        shares = random.dirichlet(numpy.full(arms, 3.0))
        shares = numpy.round(0.7 * shares + 0.3 / arms, 4)
        shares[-1] = round(1 - shares[:-1].sum(), 4)
        arm = int(random.choice(arms, p=shares / shares.sum()))
        x = float(numpy.round(random.normal(), 3))
        reward = float(numpy.round(x + 0.3 * arm + random.normal(), 3))
        predictions = [float(numpy.round(0.9 * x + 0.1 * k, 5)) for k in range(arms)]
        rows.append({"arm": arm, "propensities": shares.tolist(), "reward": reward, "predictions": predictions})
    return rows


def log_mixture(z, ratio):
    """The half-normal mixture over drifts, its exponent made 0 at its peak."""
    peak = max(z / (1 + ratio), 0)
    exponent = lambda t: t * z - t * t * (1 + ratio) / 2
    width = 1 / numpy.sqrt(1 + ratio)
    ends = [max(0, peak - 12 * width), peak + 12 * width]
    total, _ = integrate.quad(lambda t: numpy.exp(exponent(t) - exponent(peak)), *ends, epsabs=0, epsrel=1e-12)
    return float(numpy.log(2 * numpy.sqrt(ratio / (2 * numpy.pi)) * total) + exponent(peak))


def reference(rows, first, second, margin, alpha, tuned):
    arms = numpy.array([row["arm"] for row in rows])
    rewards = numpy.array([row["reward"] for row in rows])

    def scores(k):
        q = numpy.array([row["predictions"][k] for row in rows])
        p = numpy.array([row["propensities"][k] for row in rows])
        return q + (arms == k) * (rewards - q) / p, 1 / p[arms == k]

    (one, one_weights), (other, other_weights) = scores(first), scores(second)
    difference = one - other
    n, estimate, error = len(rows), difference.mean(), stats.sem(difference)
    ratio = tuned / (TIGHTEST * n)
    boundary = optimize.brentq(lambda z: log_mixture(z, ratio) + numpy.log(alpha), 0.1, 100, xtol=1e-13)
    effective = lambda w: float(w.sum() ** 2 / (w**2).sum())
    z = (estimate - margin) / error
    return {
        "estimate": float(estimate),
        "lower": float(estimate - boundary * error),
        "upper": float(estimate + boundary * error),
        "logEvidenceAbove": log_mixture(z, ratio),
        "logEvidenceBelow": log_mixture(-z, ratio),
        "first": float(one.mean()),
        "second": float(other.mean()),
        "standardError": float(error),
        "effectiveFirst": effective(one_weights),
        "effectiveSecond": effective(other_weights),
    }


CASES = [(1, 260, 2, 1, 0, 0, 0.05, 5000), (2, 420, 3, 2, 0, 0.1, 0.01, 500), (3, 420, 3, 0, 2, -0.5, 0.001, 5000)]
write(
    "aipw",
    {
        "cases": [
            {
                "first": first,
                "second": second,
                "margin": margin,
                "alpha": alpha,
                "tunedFor": tuned,
                "rows": (rows := draw(seed, steps, arms)),
                "expected": reference(rows, first, second, margin, alpha, tuned),
            }
            for seed, steps, arms, first, second, margin, alpha, tuned in CASES
        ]
    },
)
