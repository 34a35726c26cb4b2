"""
Reference values of src/stats/quality: scikit-learn, scipy and statsmodels where they have the statistic; otherwise the
definition itself, with all pairs, all positions or numerical derivatives, in numpy or at 50 digits in mpmath.
"""

import functools
import math
from fractions import Fraction

import mpmath
import numpy
import sklearn
import sklearn.metrics as metrics
import statsmodels
from mpmath import mp, mpf
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from support import write

mp.dps = 50
ALPHA = 0.05
draws = numpy.random.default_rng(20240611)


def number(x):
    return mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpf(x)


def critical(alpha):
    return -mpmath.sqrt(2) * mpmath.erfinv(2 * mpf(alpha) / 2 - 1)


def two_sided(z):
    z = abs(number(z))
    return mpmath.log(mpmath.erfc(z / mpmath.sqrt(2)))


# ROC curves ----------------------------------------------------------------------------------------------------------


def components(labels, scores):
    """DeLong's structural components from all pairs."""
    labels = numpy.array(labels, bool)
    scores = numpy.array(scores, float)
    x, y = scores[labels][:, None], scores[~labels][None, :]
    psi = (x > y) + 0.5 * (x == y)
    return psi.mean(axis=1), psi.mean(axis=0)


def logit_interval(area, variance):
    area, variance = number(area), number(variance)
    half = critical(ALPHA) * mpmath.sqrt(variance) / (area * (1 - area))
    centre = mpmath.log(area / (1 - area))
    return [1 / (1 + mpmath.exp(-(centre + side * half))) for side in (-1, 1)]


def scored(rows, shift, digits, share=0.4):
    labels = (draws.random(rows) < share).astype(int)
    scores = draws.normal(size=rows) + shift * labels
    return labels.tolist(), [float(s) for s in numpy.round(scores, digits)]


def auc_case(labels, scores):
    v10, v01 = components(labels, scores)
    variance = v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)
    area = metrics.roc_auc_score(labels, scores)
    lower, upper = logit_interval(float(area), float(variance))
    return {"labels": labels, "scores": scores, "auc": float(area), "variance": float(variance), "lower": lower, "upper": upper}


def paired_case(labels, candidate, stable):
    c10, c01 = components(labels, candidate)
    s10, s01 = components(labels, stable)
    covariance = numpy.cov(c10, s10) / len(c10) + numpy.cov(c01, s01) / len(c01)
    contrast = numpy.array([1, -1])
    variance = float(contrast @ covariance @ contrast)
    difference = float(c10.mean() - s10.mean())
    return {
        "labels": labels,
        "candidate": candidate,
        "stable": stable,
        "areas": [float(metrics.roc_auc_score(labels, scores)) for scores in (candidate, stable)],
        "difference": difference,
        "variance": variance,
        "logPValue": two_sided(difference / math.sqrt(variance)),
    }


def paired(rows, shifts, digits):
    labels = (draws.random(rows) < 0.4).astype(int)
    common = draws.normal(size=rows)
    both = [numpy.round(common + 0.7 * draws.normal(size=rows) + s * labels, digits).tolist() for s in shifts]
    return paired_case(labels.tolist(), *both)


def binned(positives, negatives):
    """Area, variance and greatest error of bins with exact fractions, from all pairs of bins."""
    m, n = sum(positives), sum(negatives)
    bins = range(len(positives))
    win = lambda b, c: Fraction(1) if b > c else Fraction(1, 2) if b == c else Fraction(0)
    v10 = [sum(win(b, c) * negatives[c] for c in bins) / n for b in bins]
    v01 = [sum(win(b, c) * positives[b] for b in bins) / m for c in bins]
    area = sum(v10[b] * positives[b] for b in bins) / m
    variance = sum(positives[b] * (v10[b] - area) ** 2 for b in bins) / (m - 1) / m
    variance += sum(negatives[b] * (v01[b] - area) ** 2 for b in bins) / (n - 1) / n
    error = sum(Fraction(positives[b] * negatives[b], 2 * m * n) for b in bins)
    return area, variance, error


def bins_case(positives, negatives):
    area, variance, error = binned(positives, negatives)
    lower, upper = logit_interval(area, variance)
    values = {"auc": area, "variance": variance, "binningErrorMax": error}
    return {"positives": positives, "negatives": negatives, "lower": lower, "upper": upper} | {
        key: number(value) for key, value in values.items()
    }


def arms_case(candidate, stable):
    (a, va, ea), (b, vb, eb) = binned(*candidate), binned(*stable)
    z = number(a - b) / mpmath.sqrt(number(va + vb))
    return {
        "candidate": dict(zip(("positives", "negatives"), candidate)),
        "stable": dict(zip(("positives", "negatives"), stable)),
        "difference": number(a - b),
        "variance": number(va + vb),
        "logPValue": two_sided(z),
        "binningErrorMax": number(ea + eb),
    }


HUGE = ([0, 3, 10**5, 4 * 10**7, 6 * 10**7, 10**8], [10**8, 9 * 10**7, 10**6, 5, 0, 1])
HUGE_WORSE = ([5, 3, 10**5, 5 * 10**7, 6 * 10**7, 9 * 10**7], [10**8, 9 * 10**7, 10**6, 50_000, 0, 1])
SMALL = ([1, 0, 4, 7, 2], [9, 6, 6, 1, 0])

# Paired agreement ----------------------------------------------------------------------------------------------------


def log_point(k, n):
    return mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1) - n * mpmath.log(2)


def mcnemar_case(b, c):
    n, k = b + c, min(b, c)
    term = total = mpf(1)
    i = k
    while i > 0 and term > total * mpf(10) ** -25:
        term = term * i / (n - i + 1)
        total += term
        i -= 1
    log_tail = log_point(k, n) + mpmath.log(total)
    z = (b - c) / mpmath.sqrt(n)
    if n < 10**6:
        table = [[0, b], [c, 0]]
        assert abs(mcnemar(table).pvalue - min(mpf(1), 2 * mpmath.exp(log_tail))) < 1e-10
        assert abs(stats.binomtest(k, n).pvalue - min(mpf(1), 2 * mpmath.exp(log_tail))) < 1e-10
        assert abs(mcnemar(table, exact=False, correction=False).statistic - z * z) < 1e-9
    return {
        "onlyCandidate": b,
        "onlyStable": c,
        "exact": min(mpf(0), mpmath.log(2) + log_tail),
        "midP": log_tail + mpmath.log(2 - 1 / total),
        "statistic": z * z,
        "asymptotic": two_sided(z),
    }


def tango(both, b, c, neither):
    """The score interval with the constrained maximum found on the derivative of the likelihood."""
    a = both + neither
    n = a + b + c
    z = critical(ALPHA)

    def share(d):
        low, high = max(mpf(0), -d), (1 - d) / 2
        slope = lambda q: (b / (q + d) if b else 0) + (c / q if c else 0) - (2 * a / (1 - 2 * q - d) if a else 0)
        for _ in range(100):
            middle = (low + high) / 2
            if slope(middle) > 0:
                low = middle
            else:
                high = middle
        return low

    def edge(side, low, high):
        if low == high:
            return low
        for _ in range(60):
            d = (low + high) / 2
            score = (b - c - n * d) / mpmath.sqrt(n * (2 * share(d) + d * (1 - d)))
            if score > side * z:
                low = d
            else:
                high = d
        return low

    estimate = mpf(b - c) / n
    bounds = {"lower": edge(1, mpf(-1), estimate), "upper": edge(-1, estimate, mpf(1))}
    return {"counts": [both, b, c, neither], "estimate": estimate} | bounds


def wilson_case(events, trials, alpha):
    lower, upper = proportion_confint(events, trials, alpha=alpha, method="wilson")
    return {"events": events, "trials": trials, "alpha": alpha, "lower": float(lower), "upper": float(upper)}


# Confusion matrices --------------------------------------------------------------------------------------------------


def rows_of(matrix):
    cells = [(i, j, count) for i, row in enumerate(matrix) for j, count in enumerate(row)]
    return [list(column) for column in zip(*cells)]


def f1(p, c):
    size = len(p)
    total = sum(p[c]) + sum(p[i][c] for i in range(size))
    return 2 * p[c][c] / total


STATISTICS = {
    "accuracy": lambda p: sum(p[i][i] for i in range(len(p))),
    "f1-macro": lambda p: sum(f1(p, c) for c in range(len(p))) / len(p),
    "precision": lambda p: p[0][0] / sum(row[0] for row in p),
    "recall": lambda p: p[0][0] / sum(p[0]),
    "f1": lambda p: f1(p, 0),
}


def delta_variance(matrix, statistic):
    """g' (diag p - p p') g / n with derivatives taken numerically."""
    size, n = len(matrix), sum(map(sum, matrix))
    shares = [mpf(count) / n for row in matrix for count in row]
    square = lambda flat: [flat[i * size : (i + 1) * size] for i in range(size)]
    step = mpf(10) ** -20
    gradient = []
    for i in range(size * size):
        up, down = list(shares), list(shares)
        up[i] += step
        down[i] -= step
        gradient.append((statistic(square(up)) - statistic(square(down))) / (2 * step))
    mean = sum(g * p for g, p in zip(gradient, shares))
    return (sum(g * g * p for g, p in zip(gradient, shares)) - mean**2) / n


def confusion_case(matrix):
    truth, predicted, weights = rows_of(matrix)
    labels = list(range(len(matrix)))
    average = lambda score, how: score(
        truth, predicted, labels=labels, average=how, sample_weight=weights, zero_division=numpy.nan
    )
    plain = lambda values: [None if math.isnan(v) else float(v) for v in values]
    defined = all(sum(row) + sum(other[i] for other in matrix) for i, row in enumerate(matrix))
    return {
        "matrix": matrix,
        "accuracy": float(metrics.accuracy_score(truth, predicted, sample_weight=weights)),
        "precision": plain(average(metrics.precision_score, None)),
        "recall": plain(average(metrics.recall_score, None)),
        "f1": plain(average(metrics.f1_score, None)),
        "f1Macro": float(average(metrics.f1_score, "macro")) if defined else None,
        "f1Micro": float(average(metrics.f1_score, "micro")),
        "f1Weighted": float(average(metrics.f1_score, "weighted")) if defined else None,
        "matthews": float(metrics.matthews_corrcoef(truth, predicted, sample_weight=weights)),
        "variances": {
            name: float(delta_variance(matrix, statistic)) for name, statistic in STATISTICS.items()
        }
        if defined and sum(matrix[0]) and sum(row[0] for row in matrix)
        else None,
    }


def kappa_case(matrix):
    truth, predicted, weights = rows_of(matrix)
    found = cohens_kappa(numpy.array(matrix, float))
    kappa = metrics.cohen_kappa_score(truth, predicted, sample_weight=weights)
    assert abs(found.kappa - kappa) < 1e-9
    return {"matrix": matrix, "kappa": float(found.kappa), "standardError": float(found.std_kappa)}


MATRICES = [
    [[20, 5], [10, 15]],
    [[75, 1, 4], [5, 4, 1], [0, 0, 10]],
    [[50, 3, 2], [4, 40, 6], [0, 9, 30]],
    [[1, 0], [3, 2]],
    [[10**8, 120], [75, 900]],
    [[99_999_000, 10**7, 3], [5, 8 * 10**7, 10**6], [1, 1, 10**8]],
    [[5, 1, 0, 2], [0, 7, 1, 1], [2, 2, 9, 0], [1, 0, 3, 4]],
]
UNDEFINED = [[[7, 0, 2], [3, 0, 1], [1, 0, 5]], [[4, 0, 1], [0, 0, 0], [2, 0, 6]]]

# Losses and calibration ----------------------------------------------------------------------------------------------


def binary_losses(probabilities, labels):
    return {
        "probabilities": probabilities,
        "labels": labels,
        "logLoss": float(metrics.log_loss(labels, probabilities, labels=[0, 1])),
        "brier": float(metrics.brier_score_loss(labels, probabilities, labels=[0, 1])),
        "clipRate": sum((p if y else 1 - p) < 2**-52 for p, y in zip(probabilities, labels)) / len(labels),
    }


def class_losses(probabilities, labels):
    classes = list(range(len(probabilities[0])))
    return {
        "probabilities": probabilities,
        "labels": labels,
        "logLoss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "brier": float(metrics.brier_score_loss(labels, probabilities, labels=classes)),
    }


def table_case(probabilities, labels, bins):
    """Bins (k/K, (k + 1)/K] by comparing with each edge; equal mass by walking through the sorted rows."""
    p, y = numpy.array(probabilities), numpy.array(labels)
    n = len(p)
    groups = [((p > k / bins) | (k == 0)) & (p <= (k + 1) / bins) for k in range(bins)]
    groups = [g for g in groups if g.any()]
    distance = lambda g: abs(y[g].mean() - p[g].mean())
    edges, seen = [], 0
    for value in sorted(set(probabilities)):
        before, seen = seen, int((p <= value).sum())
        if seen * bins // n > before * bins // n:
            edges.append(value)
    mass = [(p > low) & (p <= high) for low, high in zip([-1, *edges], edges)]
    weights = (y - p) @ (1 - 2 * p)
    scale = math.sqrt((((1 - 2 * p) ** 2) * p * (1 - p)).sum())
    return {
        "probabilities": probabilities,
        "labels": labels,
        "bins": bins,
        "counts": [int(g.sum()) for g in groups],
        "expectedError": float(sum(g.sum() * distance(g) for g in groups) / n),
        "maximumError": float(max(map(distance, groups))),
        "equalMassCounts": [int(g.sum()) for g in mass],
        "equalMassError": float(sum(g.sum() * distance(g) for g in mass) / n),
        "z": float(weights / scale),
        "logPValue": two_sided(float(weights / scale)),
    }


def said(rows, power, digits):
    p = numpy.round(draws.random(rows), digits)
    y = (draws.random(rows) < p**power).astype(int)
    return p.tolist(), y.tolist()


# Regression ----------------------------------------------------------------------------------------------------------


def regression_case(truth, predicted):
    y, e = [mpf(v) for v in truth], [mpf(b) - mpf(a) for a, b in zip(truth, predicted)]
    n = len(y)
    mean = lambda values: mpmath.fsum(values) / n
    spread = lambda values: mpmath.fsum((v - mean(values)) ** 2 for v in values) / (n - 1) / n
    m, squares = mean(y), [v * v for v in e]
    s, v = mean(squares), mean([(a - m) ** 2 for a in y])
    influence = [-(q - s) / v + s * ((a - m) ** 2 - v) / v**2 for q, a in zip(squares, y)]
    r2, relative = 1 - s / v, [abs(b) / abs(a) for a, b in zip(y, e)]
    if max(map(abs, truth)) < 1e6:
        assert abs(metrics.r2_score(truth, predicted) - r2) < 1e-9
        assert abs(metrics.root_mean_squared_error(truth, predicted) - mpmath.sqrt(s)) < 1e-9
        assert abs(metrics.mean_absolute_error(truth, predicted) - mean(list(map(abs, e)))) < 1e-9
        assert abs(metrics.mean_absolute_percentage_error(truth, predicted) - mean(relative)) < 1e-9
    return {
        "truth": truth,
        "predicted": predicted,
        "mae": [mean(list(map(abs, e))), spread(list(map(abs, e)))],
        "rmse": [mpmath.sqrt(s), spread(squares) / (4 * s)],
        "r2": [r2, spread(influence)],
        "mape": [mean(relative), spread(relative)],
    }


def regression(rows, centre, noise, skew=False):
    y = draws.exponential(size=rows) if skew else draws.normal(size=rows)
    truth = (centre + 3 * y).tolist()
    return regression_case(truth, [t + float(d) for t, d in zip(truth, noise * draws.normal(size=rows))])


# Ranked lists --------------------------------------------------------------------------------------------------------


def ndcg_case(grades, judged, k, gain):
    gains = [float(g if gain == "linear" else 2**g - 1) for g in judged]
    missing = list(judged)
    for g in grades:
        missing.remove(g)
    listed = [float(g if gain == "linear" else 2**g - 1) for g in grades]
    rest = [float(g if gain == "linear" else 2**g - 1) for g in missing]
    assert k <= len(grades) and len(gains) == len(listed) + len(rest)
    scores = [-i for i in range(len(listed) + len(rest))]
    return {
        "grades": grades,
        "judged": judged,
        "k": k,
        "gain": gain,
        "ndcg": float(metrics.ndcg_score([listed + rest], [scores], k=k)),
    }


def precision_case(relevant):
    scores = [-i for i in range(len(relevant))]
    return {"relevant": relevant, "averagePrecision": float(metrics.average_precision_score(relevant, scores))}


def overlap_case(first, second, p):
    """The three values from the definition, summed over 2000 depths; the greatest by trying the best continuation."""
    p = mpf(p)
    long, short = sorted((list(first), list(second)), key=len, reverse=True)
    long_end, short_end = len(long), len(short)
    at = lambda a, b, d: len(set(a[:d]) & set(b[:d]))
    total = lambda agreement: (1 - p) / p * mpmath.fsum(p**d * agreement(d) for d in range(1, 2001))
    least = total(lambda d: mpf(at(long, short, d)) / d)
    x_short, x_long = at(long, short, short_end), at(long, short, long_end)

    def extrapolated(d):
        if d <= short_end:
            return mpf(at(long, short, d)) / d
        if d <= long_end:
            return mpf(at(long, short, d)) / d + mpf(x_short) * (d - short_end) / short_end / d
        return mpf(x_long) / long_end + mpf(x_short) * (long_end - short_end) / short_end / long_end

    best_short = short + [item for item in long if item not in short]
    best_long = long + [item for item in short if item not in long]
    filler = [f"more {i}" for i in range(2000)]
    greatest = total(lambda d: mpf(at(best_long + filler, best_short + filler, d)) / d)
    values = {"least": least, "greatest": greatest, "extrapolated": total(extrapolated)}
    return {"first": list(first), "second": list(second), "persistence": float(p)} | values


def kendall_case(first, second):
    return {"first": first, "second": second, "tauB": float(stats.kendalltau(first, second, variant="b").statistic)}


# Answers -------------------------------------------------------------------------------------------------------------


def edits(a, b):
    @functools.cache
    def distance(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return {"first": a, "second": b, "score": 1 - distance(len(a), len(b)) / max(len(a), len(b))}


def close(a, b, absolute, relative):
    agrees = math.isclose(a, b, abs_tol=absolute, rel_tol=relative)
    return {"first": a, "second": b, "absolute": absolute, "relative": relative, "agrees": agrees}


probabilities = draws.dirichlet([1, 2, 0.5], size=20)
SURE = [0.0, 1.0, 1e-20, 1 - 2**-53, 0.5, 1.0, 0.25]
LINES = [[3, 2, 3, 0, 1, 2], [3, 2, 3, 0, 0, 1, 2, 2, 3, 0], [0, 0, 4, 1], [1, 1, 1, 1]]

write(
    "quality",
    {
        "aucs": [
            auc_case(*scored(30, 1, 6)),
            auc_case(*scored(60, 0.5, 1)),
            auc_case(*scored(25, 0, 0)),
            auc_case(*scored(50, 3, 2, 0.1)),
            auc_case([1, 0, 1, 0], [1e9 + 1, 1e9, 1e9, 1e9 - 1]),
        ],
        "pairedAucs": [
            paired(40, (1, 0.5), 6),
            paired(60, (0.5, 0.5), 1),
            paired(50, (-1, 2), 0),
            paired(80, (2, 1), 2),
        ],
        "binnedAucs": [
            bins_case(*SMALL),
            bins_case(*HUGE),
            bins_case([10**8, 10**8], [10**8, 10**8 - 1]),
            bins_case([1, 99_999_999], [99_999_999, 1]),
        ],
        "binnedArms": [
            arms_case(SMALL, SMALL),
            arms_case(HUGE, HUGE_WORSE),
            arms_case(HUGE, SMALL),
            arms_case(([2, 5, 9], [7, 4, 1]), ([7, 4, 1], [2, 5, 9])),
        ],
        "mcnemars": [
            mcnemar_case(*counts)
            for counts in [
                (86, 150),
                (1, 0),
                (0, 5),
                (7, 7),
                (12, 3),
                (6, 5),
                (0, 10_000),
                (3000, 100),
                (10**8, 10**8 + 30_000),
                (50_000_000, 50_400_000),
            ]
        ],
        "agreements": [
            tango(*counts)
            for counts in [
                (794, 86, 150, 570),
                (10, 0, 0, 3),
                (0, 5, 0, 0),
                (43, 0, 1, 0),
                (20, 12, 2, 16),
                (1, 1, 0, 0),
                (9 * 10**7, 10_000, 9_000, 9_981_000),
            ]
        ],
        "proportions": [
            wilson_case(*case)
            for case in [(0, 10, 0.05), (10, 10, 0.01), (3, 7, 0.1), (99_999_990, 10**8, 0.05), (1, 10**8, 1e-6)]
        ],
        "confusions": [confusion_case(matrix) for matrix in MATRICES + UNDEFINED],
        "kappas": [kappa_case(matrix) for matrix in MATRICES + UNDEFINED],
        "binaryLosses": [
            binary_losses(*said(30, 1, 6)),
            binary_losses(SURE, [1, 0, 1, 0, 1, 1, 0]),
            binary_losses(SURE, [0, 1, 0, 1, 0, 1, 1]),
        ],
        "classLosses": [class_losses(probabilities.tolist(), [int(i) for i in draws.integers(0, 3, 20)])],
        "calibrations": [
            table_case(*said(60, 1, 2), 10),
            table_case(*said(80, 1.5, 1), 10),
            table_case(*said(90, 0.5, 4), 7),
            table_case([k / 49 for k in range(50)], [k % 2 for k in range(50)], 49),
            table_case([0.0, 0.0, 1.0, 0.3, 0.1, 0.7, 0.2, 0.6], [0, 1, 1, 0, 1, 1, 0, 0], 10),
        ],
        "regressions": [
            regression(40, 10, 1),
            regression(60, -2, 4, True),
            regression(50, 1e9, 1),
            regression(30, 1e9, 1e-3, True),
            regression(20, 3e-9, 1e-9),
            regression_case([1.0, 2.0], [2.0, 2.5]),
        ],
        "ndcgs": [
            ndcg_case(grades, grades + extra, k, gain)
            for grades in LINES
            for extra in ([], [3, 2])
            for k in (1, 3, len(grades))
            for gain in ("linear", "exponential")
        ],
        "averagePrecisions": [
            precision_case(relevant)
            for relevant in [[1, 0, 1, 0, 0, 1], [0, 0, 0, 1], [1], [1, 1, 0], [0, 1, 1, 1, 0, 0, 1]]
        ],
        "overlaps": [
            overlap_case(*case)
            for case in [
                ("abcdefg", "zcavwxy", 0.9),
                ("abc", "abc", 0.5),
                ("abc", "xyz", 0.9),
                ("abcdefghij", "bad", 0.9),
                ("c", "abcdefgh", 0.8),
                ("abcd", "dcba", 0.98),
                ("ab", "bcdefa", 0.1),
            ]
        ],
        "kendalls": [
            kendall_case([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]),
            kendall_case([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 3, 3]),
            kendall_case([1, 2, 3], [3, 2, 1]),
            kendall_case(draws.integers(0, 9, 60).tolist(), draws.integers(0, 9, 60).tolist()),
            kendall_case((1e9 + draws.normal(size=40)).tolist(), draws.normal(size=40).tolist()),
        ],
        "texts": [
            edits(*pair)
            for pair in [
                ("kitten", "sitting"),
                ("", "abc"),
                ("flaw", "lawn"),
                ("the cat sat", "the cat sat down"),
                ("Straße", "strasse"),
                ("abcdef", "fedcba"),
                ("aXbXc", "abc"),
            ]
        ],
        "closeNumbers": [
            close(*case)
            for case in [
                (1.0, 1.1, 0.0, 0.1),
                (1.0, 1.1, 0.1, 0.0),
                (1.0, 1.2, 0.1, 0.1),
                (0.0, 1e-9, 0.0, 0.5),
                (0.0, 1e-9, 1e-8, 0.0),
                (1e9, 1e9 + 1, 0.0, 1e-9),
                (-5.0, 5.0, 1.0, 0.5),
                (0.0, 0.0, 0.0, 0.0),
            ]
        ],
    },
    {"scikit-learn": sklearn.__version__, "statsmodels": statsmodels.__version__},
)
