"""Reference values of src/stats/fixed/chi-square.ts and sample-ratio-fixed.ts: scipy, tails with mpmath at 50 digits."""

import numpy
from mpmath import gammainc, inf, log, mp, mpf
from scipy.stats import chi2_contingency, chisquare

from support import write

mp.dps = 50


def log_tail(statistic, df):
    return log(gammainc(mpf(df) / 2, mpf(statistic) / 2, inf, regularized=True))


def by_definition(cells):
    """Both statistics of (observed, expected) pairs in exact arithmetic."""
    pearson = sum((o - e) ** 2 / e for o, e in cells)
    return pearson, 2 * sum(o * log(o / e) for o, e in cells if o)


def independence(table):
    kept = numpy.array([row for row in table if sum(row)])
    kept = kept[:, kept.sum(axis=0) > 0]
    rows, columns, total = kept.sum(axis=1), kept.sum(axis=0), int(kept.sum())
    cells = [
        (mpf(int(kept[i, j])), mpf(int(rows[i])) * int(columns[j]) / total)
        for i in range(len(rows))
        for j in range(len(columns))
    ]
    pearson, ratio = by_definition(cells)
    peer = chi2_contingency(kept, correction=False)
    df = int(peer.dof)
    assert abs(peer.statistic - float(pearson)) <= 1e-6 * (1 + float(pearson))
    peer = chi2_contingency(kept, correction=False, lambda_="log-likelihood")
    assert abs(peer.statistic - float(ratio)) <= 1e-6 * (1 + float(ratio))
    return {
        "table": table,
        "df": df,
        "pearson": pearson,
        "pearsonLogP": log_tail(pearson, df),
        "likelihoodRatio": ratio,
        "likelihoodRatioLogP": log_tail(ratio, df),
        "least": min(e for _, e in cells),
        "belowFive": sum(e < 5 for _, e in cells),
        "cramersV": mp.sqrt(pearson / total / (min(kept.shape) - 1)),
    }


def ratio(counts, weights):
    arms = [(c, mpf(w)) for c, w in zip(counts, weights) if w > 0]
    total, weight = sum(c for c, _ in arms), sum(w for _, w in arms)
    cells = [(mpf(c), total * w / weight) for c, w in arms]
    statistic, _ = by_definition(cells)
    peer = chisquare([c for c, _ in arms], [float(e) for _, e in cells], sum_check=False)
    assert abs(peer.statistic - float(statistic)) <= 1e-6 * (1 + float(statistic))
    df = len(arms) - 1
    return {"counts": counts, "weights": weights, "statistic": statistic, "df": df, "logP": log_tail(statistic, df)}


TABLES = [[[762, 327, 468], [484, 239, 477]], [[10, 20, 30], [6, 9, 17]], [[0, 5], [5, 0]], [[1, 9], [4, 6]]]
TABLES += [[[12, 0, 7, 0], [3, 0, 9, 0], [0, 0, 0, 0], [5, 0, 5, 0]], [[4 * 10**7, 6 * 10**7], [40009000, 59991000]]]
TABLES += [[[10**8, 0], [0, 10**8]], [[10**8, 3], [10**8, 11]], [[38, 40], [19, 20]], [[5, 5, 5], [5, 5, 5]]]
TABLES += [[[3, 1, 0, 2, 8, 1], [0, 2, 5, 1, 9, 0]], [[120, 90], [40, 110], [75, 65], [10, 12]]]
RATIOS = [([821588, 815482], [0.5, 0.5]), ([500, 500], [1, 1]), ([480, 0, 520], [1, 0, 1]), ([0, 100000], [1, 1])]
RATIOS += [([5020000, 94980000], [5, 95]), ([1000, 1010, 990, 1100], [1, 1, 1, 1]), ([3, 10**6], [1e-6, 1]), ([4, 1], [1, 1])]

write("chi_square", {"tables": [independence(t) for t in TABLES], "ratios": [ratio(*r) for r in RATIOS]})
