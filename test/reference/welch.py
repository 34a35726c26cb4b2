"""Reference values of src/stats/fixed: Welch's test and the relative lift, with mpmath at 40 digits.

The tail of Student's t is integrated (student.py), Fieller's limits are the roots of his quadratic equation.
"""

from mpmath import findroot, log, mp, mpf, polyroots, sqrt
from scipy.stats import t as student_t
from scipy.stats import ttest_ind_from_stats

from student import log_survival
from support import write

mp.dps = 40


def quantile(alpha, df):
    start = mpf(student_t.isf(alpha / 2, float(df)))
    return findroot(lambda t: log_survival(t, df) - log(mpf(alpha) / 2), (start, start * (1 + mpf(10) ** -9)))


def degrees(parts):
    return sum(v for v, _ in parts) ** 2 / sum(v**2 / (n - 1) for v, n in parts)


def case(n1, mean1, m2_1, n2, mean2, m2_2, alpha, margin):
    mean1, mean2, margin = mpf(mean1), mpf(mean2), mpf(margin)
    v1, v2 = mpf(m2_1) / (n1 - 1) / n1, mpf(m2_2) / (n2 - 1) / n2
    df, se = degrees([(v1, n1), (v2, n2)]), sqrt(v1 + v2)
    t, q = (mean1 - mean2 - margin) / se, quantile(alpha, df)
    result = {
        "candidate": {"n": n1, "mean": float(mean1), "m2": m2_1},
        "stable": {"n": n2, "mean": float(mean2), "m2": m2_2},
        "alpha": alpha,
        "margin": float(margin),
        "t": t,
        "df": df,
        "logTwoSided": log_survival(abs(t), df) + log(mpf(2)),
        "logGreater": log_survival(t, df),
        "limits": [mean1 - mean2 - q * se, mean1 - mean2 + q * se],
        "lift": None,
    }
    if margin == 0 and n1 < 10**6 and m2_1 + m2_2 > 1e-100:
        sds = [float(sqrt(v * n)) for v, n in ((v1, n1), (v2, n2))]
        peer = ttest_ind_from_stats(float(mean1), sds[0], n1, float(mean2), sds[1], n2, equal_var=False)
        assert abs(peer.statistic - float(t)) <= 1e-6 * max(1, abs(float(t)))
    if mean2 != 0 and (v1 > 0 or (mean1 != 0 and v2 > 0)):
        result["lift"] = lift(mean1, v1, n1, mean2, v2, n2, alpha)
    return result


def lift(mean1, v1, n1, mean2, v2, n2, alpha):
    r = mean1 / mean2
    df = degrees([(v1, n1), (v2 * r**2, n2)])
    q = quantile(alpha, df)
    if abs(mean2) >= 4 * sqrt(v2):
        half = q * sqrt(v1 / mean2**2 + v2 * mean1**2 / mean2**4)
        return {"method": "delta", "df": df, "limits": [r - 1 - half, r - 1 + half]}
    square = mean2**2 - q**2 * v2
    if square <= 0:
        return {"method": "none", "df": df, "limits": [0, 0]}
    roots = polyroots([square, -2 * mean1 * mean2, mean1**2 - q**2 * v1], maxsteps=200, extraprec=200)
    return {"method": "fieller", "df": df, "limits": sorted(root.real - 1 for root in roots)}


CASES = [(10, 5.2, 12.5, 12, 4.1, 30.25, 0.05, 0), (2, 1, 0.5, 2, 3, 2, 0.05, 0), (30, 0.25, 3, 25, -0.5, 40, 0.01, 0.5)]
CASES += [(1000, 1e9 + 3, 999, 1200, 1e9, 2398, 0.05, 0), (10**8, 10.001, 4e8, 10**8, 10, 4e8, 0.05, 0)]
CASES += [(10**8, 0.5, 2.5e7, 10**8, 0.4, 2.4e7, 0.001, 0), (50, 7, 0, 40, 6.5, 120, 0.05, 0), (5, 3, 8, 7, 3, 0, 0.05, 1)]
CASES += [(6, 3, 8, 7, 3, 5, 0.05, 0), (20, 1, 40, 20, 0.8, 30, 0.05, 0), (20, 1, 40, 20, 0.3, 30, 0.05, 0)]
CASES += [(15, 0, 20, 15, 4, 20, 0.1, 0), (300, -12, 900, 310, -10, 870, 0.05, 0), (40, -1, 300, 40, 1.3, 200, 0.2, 0)]
CASES += [(3, 1e-150, 1e-302, 4, 2e-150, 3e-302, 0.05, 0), (9, 100, 0.02, 9, 1, 0.01, 1e-12, 0), (400, 80, 10, 500, 2, 10, 0.05, 3)]

write("welch", {"means": [case(*arguments) for arguments in CASES]})
