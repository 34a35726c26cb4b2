"""Reference values of src/stats/sequential/sample-ratio.ts with mpmath's gamma function at 50 digits."""

from mpmath import exp, log, loggamma, mp, mpf

from support import write

mp.dps = 50
CONCENTRATION = 100


def log_evidence(weights, counts):
    arms = [(mpf(w) / sum(map(mpf, weights)), n) for w, n in zip(weights, counts) if w > 0]
    total = sum(n for _, n in arms)
    prior = sum(loggamma(CONCENTRATION * w) for w, _ in arms) - loggamma(CONCENTRATION)
    posterior = sum(loggamma(CONCENTRATION * w + n) for w, n in arms) - loggamma(CONCENTRATION + total)
    return posterior - prior - sum(n * log(w) for w, n in arms)


CASES = [
    [([50, 50], [500, 500])],
    [([50, 50], [600, 400])],
    [([1, 99], [0, 919])],
    [([1, 99], [0, 921])],
    [([0.05, 0.95], [0, 0])],
    [([0.05, 0.95], [5_000_000, 95_000_000])],
    [([0.05, 0.95], [5_020_000, 94_980_000])],
    [([1, 1, 1], [1000, 1010, 990])],
    [([1, 0, 3], [260, 0, 740])],
    [([1, 99], [12, 988]), ([5, 95], [60, 940]), ([25, 75], [230, 770])],
    [([1, 99], [30, 970]), ([50, 50], [450, 550])],
    [([1, 0], [70, 0]), ([1, 1], [40, 60])],
    [([1e-6, 1], [3, 10**6]), ([1e-6, 1], [0, 10**8])],
]
write(
    "sample_ratio",
    {
        "ratios": [
            {
                "strata": [{"weights": w, "counts": n} for w, n in strata],
                "logEvidence": (evidence := sum(log_evidence(w, n) for w, n in strata)),
                "pValue": min(mpf(1), exp(-evidence)),
            }
            for strata in CASES
        ]
    },
)
