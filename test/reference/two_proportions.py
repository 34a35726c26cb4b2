"""Reference values of src/stats/fixed: one and two proportions, by their formulas with mpmath at 60 digits.

The constrained rates of Miettinen and Nurminen come from the closed solution of their cubic equation, the limits of
Clopper and Pearson from scipy's beta quantiles; src/stats searches for both.
"""

from mpmath import acos, cos, exp, log, mp, mpf, ncdf, pi, sign, sqrt
from scipy.stats import beta, norm

from support import write

mp.dps = 60


def quantile(alpha):
    """The upper alpha/2 normal quantile, scipy's polished by Newton's method."""
    z = mpf(norm.isf(alpha / 2))
    for _ in range(4):
        z += (ncdf(-z) - mpf(alpha) / 2) / mp.npdf(z)
    return z


def wilson(x, n, alpha):
    z, p = quantile(alpha), mpf(x) / n
    half = z * sqrt(p * (1 - p) / n + z**2 / (4 * mpf(n) ** 2))
    return [(p + z**2 / (2 * n) + s * half) / (1 + z**2 / n) for s in (-1, 1)]


def clopper_pearson(x, n, alpha):
    lower = beta.ppf(alpha / 2, x, n - x + 1) if x > 0 else 0.0
    upper = beta.isf(alpha / 2, x + 1, n - x) if x < n else 1.0
    return [float(lower), float(upper)]


def variance(x1, n1, x2, n2, delta):
    """The appendix of Miettinen & Nurminen (1985); delta = p1 - p2."""
    n, c = n1 + n2, x1 + x2
    l2 = (n1 + 2 * n2) * delta - n - c
    l1 = (n2 * delta - n - 2 * x2) * delta + c
    l0 = x2 * delta * (1 - delta)
    q = l2**3 / (3 * mpf(n)) ** 3 - l1 * l2 / (6 * mpf(n) ** 2) + l0 / (2 * mpf(n))
    square = l2**2 / (3 * mpf(n)) ** 2 - l1 / (3 * mpf(n))
    p = (sign(q) or 1) * sqrt(max(square, mpf(0)))
    angle = (pi + acos(max(mpf(-1), min(mpf(1), q / p**3)))) / 3 if p else mpf(0)
    p2 = min(max(2 * p * cos(angle) - l2 / (3 * mpf(n)), mpf(0)), mpf(1))
    p1 = min(max(p2 + delta, mpf(0)), mpf(1))
    return (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)


def miettinen_nurminen(x1, n1, x2, n2, alpha):
    z, d = quantile(alpha), mpf(x1) / n1 - mpf(x2) / n2
    limits = []
    for end in (mpf(-1), mpf(1)):
        inside, outside = d, end
        for _ in range(180):
            middle = (inside + outside) / 2
            if (middle - d) ** 2 <= z**2 * variance(x1, n1, x2, n2, middle):
                inside = middle
            else:
                outside = middle
        limits.append(inside)
    return limits


def newcombe(x1, n1, x2, n2, alpha):
    p1, p2 = mpf(x1) / n1, mpf(x2) / n2
    (l1, u1), (l2, u2) = wilson(x1, n1, alpha), wilson(x2, n2, alpha)
    return [p1 - p2 - sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), p1 - p2 + sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)]


def one(x, n, alpha):
    return {
        "outcomes": {"events": x, "trials": n},
        "alpha": alpha,
        "wilson": wilson(x, n, alpha),
        "clopperPearson": clopper_pearson(x, n, alpha),
    }


def two(x1, n1, x2, n2, alpha, margin):
    d = mpf(x1) / n1 - mpf(x2) / n2
    case = {
        "candidate": {"events": x1, "trials": n1},
        "stable": {"events": x2, "trials": n2},
        "alpha": alpha,
        "newcombe": newcombe(x1, n1, x2, n2, alpha),
        "miettinenNurminen": miettinen_nurminen(x1, n1, x2, n2, alpha),
        "margin": margin,
        "scoreZ": (d - mpf(margin)) / sqrt(variance(x1, n1, x2, n2, mpf(margin))),
        "test": None,
        "ratio": None,
    }
    if 0 < x1 + x2 < n1 + n2:
        p = mpf(x1 + x2) / (n1 + n2)
        z = d / sqrt(p * (1 - p) * (mpf(1) / n1 + mpf(1) / n2))
        half = quantile(alpha) * sqrt(sum(mpf(x) / n * (1 - mpf(x) / n) / n for x, n in ((x1, n1), (x2, n2))))
        case["test"] = {"z": z, "logGreater": log(ncdf(-z)), "logLess": log(ncdf(z)), "wald": [d - half, d + half]}
    if x1 and x2 and x1 + x2 < n1 + n2:
        r = (mpf(x1) / n1) / (mpf(x2) / n2)
        half = quantile(alpha) * sqrt(mpf(1) / x1 - mpf(1) / n1 + mpf(1) / x2 - mpf(1) / n2)
        case["ratio"] = [r, r * exp(-half), r * exp(half)]
    return case


ONE = [(81, 263, 0.05), (15, 148, 0.05), (0, 20, 0.05), (1, 29, 0.05), (29, 29, 0.05), (1, 1, 0.01), (0, 10**8, 0.05)]
ONE += [(3, 10**8, 0.001), (10**8 - 3, 10**8, 0.05), (5 * 10**7, 10**8, 1e-12), (10**8, 10**8, 0.05), (7, 9, 0.9)]
TWO = [(56, 70, 48, 80, 0.05, 0.1), (9, 10, 3, 10, 0.05, 0.2), (6, 7, 2, 7, 0.05, -0.3), (5, 56, 0, 29, 0.05, 0.02)]
TWO += [(0, 10, 0, 20, 0.05, 0.1), (0, 10, 0, 10, 0.05, -0.1), (10, 10, 0, 20, 0.05, 0.5), (10, 10, 0, 10, 0.05, 0.9)]
TWO += [(10, 10, 20, 20, 0.05, 0.3), (1, 1, 0, 1, 0.05, 0), (0, 1, 1, 1, 0.01, 0), (50, 1000, 62, 1100, 0.1, 0.02)]
TWO += [(4 * 10**7, 10**8, 40009000, 10**8, 0.05, 1e-4), (0, 10**8, 3, 10**8, 0.05, 1e-7), (40, 10**8, 4, 10**6, 0.01, 0)]
TWO += [(1, 10**8, 10**8, 10**8, 0.05, 0.1), (99999990, 10**8, 99999960, 10**8, 0.001, 1e-6), (3, 40, 10**6, 10**8, 1e-9, 0)]
TWO += [(52000, 10**6, 50000, 10**6, 0.05, -0.01), (600000, 10**6, 500000, 10**6, 0.05, 0.3)]

write("two_proportions", {"one": [one(*case) for case in ONE], "two": [two(*case) for case in TWO]})
