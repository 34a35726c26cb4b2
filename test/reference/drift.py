"""Reference values of src/stats/drift: scipy and numpy where they have the statistic, otherwise exact whole numbers
or mpmath at 50 digits. Samples and streams are made by a formula that the test repeats."""

from itertools import combinations
from math import comb

import numpy
from mpmath import binomial, exp, gammainc, log, mp, mpf, nsum
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import kolmogorov

from support import write

mp.dps = 50


def sample(spec):
    """The same doubles as `sample` of the test."""
    count, step, grain, offset, scale = spec
    return [offset + scale * ((i * step + 17) % 10007 // grain) for i in range(count)]


def log_chi_square(statistic, df):
    return log(gammainc(mpf(df) / 2, mpf(statistic) / 2, regularized=True))


# --- Kolmogorov-Smirnov


def excess(first, second):
    """n m D and the positions at which groups of ties end, from the definition."""
    n, m = len(first), len(second)
    first, second = numpy.sort(first), numpy.sort(second)
    points = numpy.unique(numpy.concatenate([first, second]))
    below = numpy.searchsorted(first, points, side="right")
    below_second = numpy.searchsorted(second, points, side="right")
    ends = set((below + below_second).tolist())
    return int(numpy.max(numpy.abs(below * m - below_second * n))), ends


def inside_paths(n, m, bound, ends):
    """The number of orders that never reach the bound, by whole numbers without rounding."""
    ways = [0] * (m + 1)
    for i in range(n + 1):
        for j in range(m + 1):
            if i == 0 and j == 0:
                ways[0] = 1
            else:
                ways[j] += ways[j - 1] if j > 0 else 0
            if i + j in ends and abs(i * m - j * n) >= bound:
                ways[j] = 0
    return ways[m]


def by_enumeration(first, second):
    pooled = first + second
    bound, _ = excess(first, second)
    hits = total = 0
    for chosen in combinations(range(len(pooled)), len(first)):
        one = [pooled[k] for k in chosen]
        other = [pooled[k] for k in range(len(pooled)) if k not in chosen]
        hits += excess(one, other)[0] >= bound
        total += 1
    return mpf(hits) / total


def kolmogorov_tail(x):
    """The alternating series, whose sum mpmath extrapolates."""
    return 2 * nsum(lambda k: (-1) ** (int(k) - 1) * exp(-2 * k * k * x * x), [1, mp.inf])


def log_kolmogorov(x):
    if x >= 8:
        return log(2) - 2 * x * x
    found = log(kolmogorov_tail(x))
    assert abs(kolmogorov(float(x)) / float(exp(found)) - 1) < 1e-9
    return found


def ks(first, second):
    a, b = sample(first), sample(second)
    n, m = len(a), len(b)
    ours = stats.ks_2samp(a, b, method="asymp").statistic
    bound, ends = excess(a, b)
    exact = n * m <= 10**6 and log(binomial(n + m, n)) <= 690
    if exact:
        # Total less inside keeps every digit, being whole numbers.
        total = comb(n + m, n)
        p = mpf(total - inside_paths(n, m, bound, ends)) / total if bound > 0 else mpf(1)
        if len(set(a + b)) == n + m and n + m < 400:
            other = stats.ks_2samp(a, b, method="exact").pvalue
            assert abs(other / float(p) - 1) < 1e-9, (first, second, other, p)
        if n + m <= 14:
            assert abs(by_enumeration(a, b) - p) < mpf(10) ** -30
        log_p = log(p)
    else:
        x = mpf(ours) * mp.sqrt(mpf(n) * m / (n + m))
        log_p = log_kolmogorov(x)
    return {
        "first": first,
        "second": second,
        "statistic": float(ours),
        "logPValue": log_p,
        "method": "exact" if exact else "asymptotic",
    }


KS = [
    ([5, 7919, 1, 0.0, 1.0], [5, 3571, 1, 0.0, 1.0]),
    ([6, 7919, 3000, 0.0, 1.0], [7, 3571, 3000, 0.0, 1.0]),
    ([7, 7919, 2000, 0.0, 1.0], [7, 3571, 2000, 3.0, 1.0]),
    ([4, 7919, 1, 0.0, 1.0], [4, 3571, 1, 20000.0, 1.0]),
    ([100, 7919, 1, 0.0, 1.0], [80, 3571, 1, 1500.0, 1.0]),
    ([50, 7919, 1, 1e9, 1e-3], [50, 3571, 1, 1e9, 1e-3]),
    ([100, 7919, 2500, 0.0, 1.0], [120, 3571, 2500, 1.0, 1.0]),
    ([60, 7919, 20000, 4.0, 1.0], [70, 3571, 20000, 4.0, 1.0]),
    ([500, 7919, 1, 0.0, 1.0], [490, 3571, 1, 9000.0, 1.0]),
    ([300, 7919, 50, 0.0, 1.0], [500, 3571, 50, 10.0, 1.0]),
    ([8000, 7919, 1, 0.0, 1.0], [10, 3571, 1, 2000.0, 1.0]),
    ([2000, 7919, 1, 0.0, 1.0], [1500, 3571, 1, 150.0, 1.0]),
    ([5000, 7919, 1, 0.0, 1.0], [5000, 3571, 1, 7.0, 1.0]),
    ([9000, 7919, 1, 0.0, 1.0], [9000, 3571, 1, 6000.0, 1.0]),
    ([9000, 7919, 5000, 0.0, 1.0], [3000, 3571, 5000, 0.0, 1.0]),
]

# --- Counts


def two_sample(reference, current):
    table = numpy.array([reference, current], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    rows = table.sum(axis=1)
    table = table[:, numpy.argsort(table.sum(axis=0), kind="stable")]
    pooled = 0

    def rare(column):
        return column.sum() * rows.min() / rows.sum() < 5

    if rare(table[:, 0]):
        pooled = 1
        while pooled < table.shape[1] and (rare(table[:, :pooled].sum(axis=1)) or rare(table[:, pooled])):
            pooled += 1
        table = numpy.column_stack([table[:, :pooled].sum(axis=1), table[:, pooled:]])
    found = stats.chi2_contingency(table, correction=False)
    df = table.shape[1] - 1
    return {
        "reference": reference,
        "current": current,
        "statistic": float(found.statistic),
        "degreesOfFreedom": df,
        "logPValue": log_chi_square(found.statistic, df) if df > 0 else 0.0,
        "pooledBins": pooled,
    }


def psi(reference, current, alpha, smoothing):
    kept = [(mpf(a), mpf(b)) for a, b in zip(reference, current) if a + b > 0]
    n, m, bins = sum(a for a, _ in kept), sum(b for _, b in kept), len(kept)
    index = mpf(0)
    for a, b in kept:
        p = (a + smoothing) / (n + smoothing * bins)
        q = (b + smoothing) / (m + smoothing * bins)
        index += (q - p) * log(q / p)
    noise = 1 / n + 1 / m
    return {
        "reference": reference,
        "current": current,
        "alpha": alpha,
        "smoothing": smoothing,
        "psi": index,
        "threshold": float(noise) * float(stats.chi2.isf(alpha, bins - 1)),
        "logPValue": log_chi_square(index / noise, bins - 1),
    }


def jensen(reference, current):
    n, m = mpf(sum(reference)), mpf(sum(current))
    nats = mpf(0)
    for a, b in zip(reference, current):
        p, q = a / n, b / m
        for x in (p, q):
            if x > 0:
                nats += x * log(2 * x / (p + q)) / 2
    distance = float(jensenshannon(reference, current, 2))
    assert abs(float(mp.sqrt(nats / log(2))) - distance) < 1e-7
    return {"reference": reference, "current": current, "nats": nats, "bits": nats / log(2)}


COUNTS = [
    ([10, 20, 30, 40], [12, 18, 33, 37]),
    ([500, 300, 200], [400, 350, 250]),
    ([50, 0, 50], [20, 60, 20]),
    ([0, 100, 0, 100, 0], [0, 70, 0, 130, 0]),
    ([1000, 3, 1, 2, 994], [400, 0, 2, 1, 597]),
    ([100_000_000, 50_000_000, 25_000_000], [100_000_000, 50_010_000, 24_990_000]),
    ([100_000_000, 0, 1], [0, 100_000_000, 1]),
    ([900_000, 50_000, 50_000], [40, 30, 30]),
    ([40, 1, 2], [45, 0, 1]),
    ([120, 120], [130, 130]),
]

# --- Wasserstein and bins


def wasserstein(reference, current):
    a, b = sample(reference), sample(current)
    distance = float(stats.wasserstein_distance(a, b))
    mean = sum(map(mpf, a)) / len(a)
    deviation = mp.sqrt(sum((mpf(x) - mean) ** 2 for x in a) / (len(a) - 1))
    return {
        "reference": reference,
        "current": current,
        "distance": distance,
        "normalizedDistance": distance / deviation,
    }


def quantiles(spec, bins):
    values = sample(spec)
    levels = [k / bins for k in range(1, bins)]
    edges = numpy.quantile(values, levels, method="inverted_cdf")
    return {"sample": spec, "bins": bins, "quantiles": [float(edge) for edge in edges]}


def corrected(values):
    return {"pValues": values, "adjusted": [float(p) for p in stats.false_discovery_control(values, method="bh")]}


# --- Change detection


def detector(reference_rate, direction, alpha, window, trials, change_at, rate_after, step):
    """The sum over all windows of their likelihood ratios, each from its own beginning."""
    mp.dps = 30
    rates = [reference_rate] * change_at + [rate_after] * (trials - change_at)
    events = [((i * step + 17) % 10007) / 10007 < rate for i, rate in enumerate(rates)]
    counts = numpy.concatenate([[0], numpy.cumsum(events)])
    signs = {"decrease": [-1], "increase": [1], "either": [-1, 1]}[direction]
    p = mpf(reference_rate)
    logit = log(p / (1 - p))
    shifted = [1 / (1 + exp(-(logit + sign * mpf(k)))) for sign in signs for k in map(mpf, SHIFTS)]
    total = mpf(0)
    for q in shifted:
        yes, no = log(q / p), log((1 - q) / (1 - p))
        for start in range(0, trials, window):
            seen = int(counts[trials] - counts[start])
            total += exp(seen * yes + (trials - start - seen) * no)
    return {
        "referenceRate": reference_rate,
        "direction": direction,
        "alpha": alpha,
        "windowTrials": window,
        "trials": trials,
        "changeAt": change_at,
        "rateAfter": rate_after,
        "step": step,
        "logEvidence": log(total / len(shifted)),
    }


SHIFTS = ["0.05", "0.1", "0.2", "0.4", "0.8", "1.6", "3.2"]

write(
    "drift",
    {
        "ks": [ks(list(a), list(b)) for a, b in KS],
        "kolmogorov": [
            {"x": x, "logSurvival": log_kolmogorov(mpf(x))}
            for x in (0.35, 0.5, 0.8276, 0.9999999, 1.0, 1.3581, 1.6276, 2.5, 7.5, 30.0, 1e6)
        ],
        "chiSquare": [two_sample(a, b) for a, b in COUNTS],
        "psi": [psi(a, b, 0.05, 0.5) for a, b in COUNTS if min(sum(a), sum(b)) >= 5 * len(a)]
        + [psi(*COUNTS[1], 1e-9, 1.0), psi(*COUNTS[2], 0.9, 1e-6)],
        "jensenShannon": [jensen(a, b) for a, b in COUNTS],
        "wasserstein": [
            wasserstein([100, 7919, 1, 0.0, 1.0], [80, 3571, 1, 1500.0, 1.0]),
            wasserstein([100, 7919, 1, 1e9, 1e-3], [130, 3571, 1, 1e9, 1e-3]),
            wasserstein([60, 7919, 2500, 0.0, 1.0], [70, 3571, 2500, 1.0, 1.0]),
            wasserstein([10, 7919, 1, -5.0, 1e-9], [1, 3571, 1, 4.0, 1e-9]),
            wasserstein([5000, 7919, 1, 0.0, 1e145], [4000, 3571, 1, 0.0, 1e145]),
        ],
        "quantiles": [
            quantiles([1000, 7919, 1, 0.0, 1.0], 10),
            quantiles([10, 7919, 1, 0.0, 1.0], 10),
            quantiles([997, 3571, 1, 1e9, 1e-3], 7),
        ],
        "benjaminiHochberg": [
            corrected([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205]),
            corrected([0.9, 0.01, 0.01, 1.0]),
            corrected([1e-300, 0.5]),
        ],
        "detector": [
            detector(0.9, "decrease", 0.001, 1, 400, 400, 0.9, 7919),
            detector(0.9, "decrease", 0.001, 1, 600, 300, 0.6, 7919),
            detector(0.9, "increase", 0.001, 50, 600, 300, 0.6, 7919),
            detector(0.02, "either", 0.01, 25, 800, 500, 0.3, 3571),
            detector(0.5, "either", 0.01, 1000, 300, 0, 0.5, 2389),
        ],
    },
)
