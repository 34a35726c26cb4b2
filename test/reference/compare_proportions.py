"""Reference values of src/stats/sequential/compare-proportions.ts and proportion-sequence.ts at 40 digits.

Independent of the implementation: likelihoods with mpmath's gamma function instead of Stirling differences, the
constrained maximum by halving the sign of the gradient, the limits by scipy's brentq instead of Newton's method.
"""

import random

from mpmath import exp, log, loggamma, mp, mpf, pi, sin
from scipy.optimize import brentq

from support import write

mp.dps = 40
HALF = mpf(1) / 2


def log_beta(a, b):
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def log_marginal(s, n, a, b):
    """The log-likelihood of s events in n trials averaged over Beta(a, b)."""
    return log_beta(a + s, b + n - s) - log_beta(a, b)


def family(arm, strength, size):
    """The log-likelihood of the outcomes for every mean of a family of Beta distributions."""
    terms = []
    for j in range(size):
        mean = sin(pi * (2 * j + 1) / (4 * size)) ** 2
        terms.append(sum(log_marginal(s, n, strength * mean, strength * (1 - mean)) for s, n in arm))
    return terms


def log_mean(terms):
    top = max(terms)
    return top + log(sum(exp(term - top) for term in terms) / len(terms))


def log_arm(arm):
    independent = sum(log_marginal(s, n, HALF, HALF) for s, n in arm)
    return log_mean([independent, log_mean(family(arm, 30, 12)), log_mean(family(arm, 1000, 64))])


def log_numerator(first, second):
    return log_mean([log_arm(first) + log_arm(second), log_mean(family(first + second, 1000, 64))])


def log_likelihood(s, n, p):
    part = lambda k, q: k * log(q) if k else mpf(0)
    return part(s, p) + part(n - s, 1 - p)


def constrained_maximum(first, second, delta):
    """The greatest log-likelihood over p_first <= p_second + delta."""
    (s1, n1), (s2, n2) = first, second
    if mpf(s1) / n1 - mpf(s2) / n2 <= delta:
        return log_likelihood(s1, n1, mpf(s1) / n1) + log_likelihood(s2, n2, mpf(s2) / n2)
    low, high = max(mpf(0), -delta), min(mpf(1), 1 - delta)

    def gradient(p):
        q = p + delta
        pull = lambda count, rate: (count / rate if rate else mpf("inf")) if count else mpf(0)
        return pull(s1, q) - pull(n1 - s1, 1 - q) + pull(s2, p) - pull(n2 - s2, 1 - p)

    for _ in range(130):
        middle = (low + high) / 2
        if gradient(middle) > 0:
            low = middle
        else:
            high = middle
    return log_likelihood(s1, n1, middle + delta) + log_likelihood(s2, n2, middle)


def numerators(strata):
    """For every stratum in which harm may have begun, the averaged likelihood from there on."""
    late = [strata[start:] for start in range(len(strata))]
    return [log_numerator([c for c, _ in part], [s for _, s in part]) for part in late]


def log_evidence(strata, tops, delta):
    maxima = [constrained_maximum(first, second, mpf(delta)) for first, second in strata]
    total = mpf(1) / (len(strata) + 1)
    for k, top in enumerate(tops, start=1):
        total += exp(top - sum(maxima[k - 1 :])) / (k * (k + 1))
    return log(total)


def lower_limit(strata, numerator, threshold):
    if all(s1 == 0 and s2 == n2 for (s1, n1), (s2, n2) in strata):
        return -1.0
    excess = lambda delta: float(log_evidence(strata, numerator, delta) - threshold)
    top = max(s1 / n1 - s2 / n2 for (s1, n1), (s2, n2) in strata)
    return brentq(excess, -1 + 1e-15, top, xtol=1e-15, rtol=1e-14)


def compare(strata, margin, alpha):
    used = [stratum for stratum in strata if stratum[0][1] > 0 and stratum[1][1] > 0]
    mirrored = [(stable, candidate) for candidate, stable in used]
    numerator = numerators(used)
    mirrored_numerator = numerators(mirrored)
    threshold = -log(mpf(alpha))
    weights = [mpf(c[1]) * s[1] / (c[1] + s[1]) for c, s in used]
    differences = [mpf(c[0]) / c[1] - mpf(s[0]) / s[1] for c, s in used]
    return {
        "estimate": sum(w * d for w, d in zip(weights, differences)) / sum(weights),
        "lower": lower_limit(used, numerator, threshold),
        "upper": -lower_limit(mirrored, mirrored_numerator, threshold),
        "logEvidenceAbove": log_evidence(used, numerator, margin),
        "logEvidenceBelow": log_evidence(mirrored, mirrored_numerator, -margin),
    }


def lowest_rate(successes, trials, target):
    if successes == 0:
        return 0.0
    marginal = log_marginal(successes, trials, HALF, HALF)
    excess = lambda p: float(marginal - log_likelihood(successes, trials, mpf(p)) - target)
    return brentq(excess, 1e-300, successes / trials, xtol=1e-300, rtol=1e-14)


def sequence(successes, trials, alpha):
    target = -log(mpf(alpha))
    upper = 1 - lowest_rate(trials - successes, trials, target)
    return {"lower": lowest_rate(successes, trials, target), "upper": upper}


def random_strata(generator):
    rate = generator.choice([0.001, 0.02, 0.3, 0.9])
    strata = []
    for _ in range(generator.randint(1, 5)):
        candidate, stable = generator.randint(1, 400), generator.randint(1, 20000)
        draw = lambda n, p: sum(generator.random() < p for _ in range(n))
        drift = generator.uniform(0.7, 1.1)
        strata.append(((draw(candidate, rate * drift), candidate), (draw(stable, rate * drift), stable)))
    return strata


CASES = [
    ([((5, 100), (4, 1900))], 0.01, 0.05),
    ([((0, 100), (0, 1900))], 0.01, 0.05),
    ([((100, 100), (1900, 1900))], 0.01, 0.05),
    ([((100, 100), (0, 1900))], 0.0, 0.01),
    ([((0, 100), (1900, 1900))], 0.0, 0.01),
    ([((1, 1), (0, 1))], 0.0, 0.05),
    ([((0, 1), (1, 1))], 0.02, 0.05),
    ([((1, 1), (1, 1))], -0.5, 0.5),
    ([((0, 1), (0, 10**8))], 0.01, 0.05),
    ([((0, 10**8), (0, 10**8))], 0.001, 0.05),
    ([((40000, 10**8), (39000, 10**8))], 0.0, 0.05),
    ([((50_010_000, 10**8), (50_000_000, 10**8))], 0.0, 0.05),
    ([((10**8, 10**8), (10**8 - 7, 10**8))], 1e-6, 0.05),
    ([((5_000_000, 10**7), (1_000, 10**8))], 0.3, 0.05),
    ([((3, 50), (40, 1000)), ((9, 200), (60, 1000)), ((30, 1000), (40, 1000))], 0.02, 0.05),
    ([((3, 50), (40, 1000)), ((0, 0), (7, 100)), ((2, 9), (0, 0))], 0.02, 0.05),
    ([((0, 10), (0, 990)), ((1, 100), (2, 1900)), ((2, 500), (1, 500))], 0.005, 0.02),
    ([((1, 1000), (10, 19000)), ((300, 1000), (5700, 19000))], 0.01, 0.05),
    ([((90, 100), (100, 900)), ((10, 100), (800, 900))], 0.0, 0.05),
    ([((40 + i, 1000), (400 + 20 * i, 10000)) for i in range(10)], 0.01, 0.05),
    ([((400_000 + 900 * i, 10**7), (4_000_000 + 1000 * i, 10**8)) for i in range(4)], 1e-5, 1e-6),
    ([((2, 7), (3, 9))], 0.9999, 1e-9),
    ([((2, 7), (3, 9))], -0.9999, 0.999),
]
generator = random.Random(20240611)
CASES += [(random_strata(generator), generator.choice([0, 0.005, 0.02, -0.01]), 0.05) for _ in range(22)]
SEQUENCES = [(0, 1), (1, 1), (0, 37), (37, 37), (3, 100), (97, 100), (500, 1000), (1, 10**6), (40000, 10**8)]
SEQUENCES += [(0, 10**8), (10**8 - 1, 10**8), (5 * 10**7, 10**8)]

as_arm = lambda arm: {"events": arm[0], "trials": arm[1]}
write(
    "compare_proportions",
    {
        "comparisons": [
            {
                "strata": [{"candidate": as_arm(c), "stable": as_arm(s)} for c, s in strata],
                "margin": margin,
                "alpha": alpha,
                "expected": compare(strata, margin, alpha),
            }
            for strata, margin, alpha in CASES
        ],
        "sequences": [
            {"successes": s, "trials": n, "alpha": alpha, "expected": sequence(s, n, alpha)}
            for s, n in SEQUENCES
            for alpha in (0.05, 1e-4)
        ],
    },
)
