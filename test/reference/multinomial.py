"""Reference values of src/stats/sequential/multinomial.ts: Dirichlet integrals by mpmath's gamma function at 30 digits,
the one-sided evidence by integrals over the shares above the expected one."""

from mpmath import log, loggamma, mp, mpf

from beta_tails import log_upper
from support import write

mp.dps = 30


def shares(weights):
    return [mpf(w) / sum(map(mpf, weights)) for w in weights]


def joint(weights, counts, c):
    arms = [(w, n) for w, n in zip(shares(weights), counts) if w > 0]
    total = sum(n for _, n in arms)
    prior = sum(loggamma(c * w) for w, _ in arms) - loggamma(mpf(c))
    posterior = sum(loggamma(c * w + n) for w, n in arms) - loggamma(mpf(c) + total)
    return posterior - prior - sum(n * log(w) for w, n in arms)


def excess(weights, counts, arm, c):
    w = shares(weights)[arm]
    if w in (0, 1):
        return mpf(0)
    k, rest = counts[arm], sum(counts) - counts[arm]
    a, b = c * w, c * (1 - w)
    return log_upper(a + k, b + rest, w) - log_upper(a, b, w) - k * log(w) - rest * log(1 - w)


CASES = [
    ([([90, 10], [0, 0])], 100),
    ([([90, 10], [18, 12])], 100),
    ([([95, 5], [2, 9])], 5),
    ([([50, 50], [500, 500])], 1000),
    ([([1, 1, 1, 1], [30, 20, 28, 22])], 100),
    ([([0.4, 0.3, 0.2, 0.1], [400, 310, 190, 100])], 0.5),
    ([([1, 0, 3], [260, 0, 740])], 100),
    ([([99, 1], [198, 5]), ([75, 25], [60, 40]), ([50, 50], [20, 42])], 100),
    ([([1, 0], [70, 0]), ([1, 1], [40, 60])], 100),
    ([([0.5, 0.5], [5 * 10**6 + 4000, 5 * 10**6])], 100),
]
write(
    "multinomial",
    {
        "cases": [
            {
                "strata": [{"weights": w, "counts": n} for w, n in strata],
                "concentration": c,
                "logEvidence": sum(joint(w, n, c) for w, n in strata),
                "logEvidenceExcess": [sum(excess(w, n, arm, c) for w, n in strata) for arm in range(len(strata[0][0]))],
            }
            for strata, c in CASES
        ]
    },
)
