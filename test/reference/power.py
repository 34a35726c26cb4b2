"""Reference values of src/stats/planning: power by scipy's distributions, sizes and detectable differences by root finding
on it, compared with statsmodels where that has the method."""

from math import asin, sqrt

import statsmodels
from scipy.optimize import brentq
from scipy.stats import nct, norm, t
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import power_proportions_2indep
from support import write


def gain(d, hypothesis):
    if hypothesis["kind"] == "difference":
        return abs(d)
    signed = d if hypothesis["better"] == "higher" else -d
    return signed + hypothesis.get("margin", 0)


def tail(alpha, hypothesis):
    return alpha / 2 if hypothesis["kind"] == "difference" else alpha


def proportion_power(ps, pc, ns, nc, alpha, method, hypothesis, boundary=None):
    z = norm.isf(tail(alpha, hypothesis)) if boundary is None else boundary
    d = gain(pc - ps, hypothesis)
    if method == "arcsine":
        h = abs(2 * asin(sqrt(pc)) - 2 * asin(sqrt(ps)))
        return norm.sf(z - h * sqrt(ns * nc / (ns + nc)))
    se = sqrt(ps * (1 - ps) / ns + pc * (1 - pc) / nc)
    mean = (ns * ps + nc * pc) / (ns + nc)
    null = se if method == "unpooled" else sqrt(mean * (1 - mean) * (1 / ns + 1 / nc))
    if method == "corrected":
        d -= (1 / ns + 1 / nc) / 2
    return norm.sf((z * null - d) / se)


def mean_power(d, ss, sc, ns, nc, alpha, method, hypothesis, boundary=None):
    q = tail(alpha, hypothesis) if boundary is None else norm.sf(boundary)
    shift = gain(d, hypothesis) / sqrt(ss**2 / ns + sc**2 / nc)
    if method == "normal":
        return norm.sf(norm.isf(q) - shift)
    df = ns + nc - 2
    return nct.sf(t.isf(q, df), df, shift)


def solve(power_of, power, low, high):
    return brentq(lambda x: power_of(x) - power, low, high, xtol=1e-300, rtol=1e-14, maxiter=1000)


TWO = {"kind": "difference"}
UP = {"kind": "superiority", "better": "higher"}
DOWN = {"kind": "superiority", "better": "lower"}


def margin(size, better):
    return {"kind": "non-inferiority", "better": better, "margin": size}


PROPORTIONS = [
    (0.5, 0.75, 1, 0.05, 0.9, "pooled", TWO, None),
    (0.6, 0.7, 1, 0.01, 0.95, "corrected", TWO, None),
    (0.6, 0.7, 2, 0.01, 0.95, "corrected", TWO, None),
    (0.6, 0.7, 0.25, 0.05, 0.8, "pooled", TWO, None),
    (0.1, 0.12, 1, 0.05, 0.8, "unpooled", TWO, None),
    (0.1, 0.08, 1 / 19, 0.05, 0.8, "unpooled", DOWN, None),
    (0.1, 0.12, 1, 0.05, 0.8, "arcsine", TWO, None),
    (0.001, 0.0012, 3, 0.001, 0.99, "arcsine", UP, None),
    (0.02, 0.02, 1, 0.025, 0.9, "unpooled", margin(0.005, "lower"), None),
    (0.02, 0.022, 0.1, 0.05, 0.8, "unpooled", margin(0.005, "lower"), None),
    (0.9, 0.91, 1, 0.05, 0.8, "unpooled", margin(0.02, "higher"), None),
    (0.0, 0.01, 1, 0.05, 0.8, "pooled", TWO, None),
    (0.0, 0.01, 1, 0.05, 0.8, "corrected", TWO, None),
    (0.1, 0.12, 1, 0.05, 0.8, "unpooled", TWO, 2.0310),
    (0.5, 0.5001, 1, 0.05, 0.8, "pooled", TWO, None),
    (1e-6, 2e-6, 1, 0.05, 0.8, "unpooled", TWO, None),
]
MEANS = [
    (0.5, 1, 1, 1, 0.05, 0.8, "student", TWO, None),
    (1, 1, 1, 1, 0.05, 0.9, "student", TWO, None),
    (0.2, 1, 1, 3, 0.01, 0.95, "student", UP, None),
    (5, 1, 1, 1, 0.05, 0.8, "student", TWO, None),
    (3, 1, 1, 0.5, 0.001, 0.8, "student", UP, None),
    (0.5, 1, 1, 1, 0.05, 0.8, "normal", TWO, None),
    (-0.5, 2, 4, 0.5, 0.05, 0.8, "normal", DOWN, None),
    (0, 10, 10, 1, 0.025, 0.9, "student", margin(2, "lower"), None),
    (1e9, 3e10, 3e10, 1, 0.05, 0.8, "normal", TWO, None),
    (1e-4, 1, 1, 1, 0.05, 0.8, "normal", TWO, None),
    (0.5, 1, 1, 1, 0.05, 0.8, "student", TWO, 2.0310),
]


def proportion_row(ps, pc, ratio, alpha, power, method, hypothesis, boundary):
    at = lambda n: proportion_power(ps, pc, n, n * ratio, alpha, method, hypothesis, boundary)
    low = 1e-9 if method != "corrected" else (1 + 1 / ratio) / 2 / abs(pc - ps)
    n = solve(at, power, low, 1e13)
    ns, nc = round(n) + 3, round(n * ratio) + 5
    if method == "arcsine" and ratio == 1 and hypothesis == TWO:
        check = NormalIndPower().solve_power(2 * asin(sqrt(pc)) - 2 * asin(sqrt(ps)), alpha=alpha, power=power)
        # statsmodels also counts rejections on the wrong side.
        assert abs(check / n - 1) < 1e-5, (check, n)
    if method == "pooled" and boundary is None and ps > 0:
        check = power_proportions_2indep(pc - ps, ps, nc, ns / nc, alpha, return_results=False)
        assert abs(check - proportion_power(ps, pc, ns, nc, alpha, method, hypothesis)) < 1e-6
    return {
        "rates": {"stable": ps, "candidate": pc},
        "ratio": ratio,
        "alpha": alpha,
        "power": power,
        "method": method,
        "hypothesis": hypothesis,
        "boundary": boundary,
        "unrounded": n,
        "sizes": {"stable": ns, "candidate": nc},
        "powerAtSizes": proportion_power(ps, pc, ns, nc, alpha, method, hypothesis, boundary),
    }


def mean_row(d, ss, sc, ratio, alpha, power, method, hypothesis, boundary):
    at = lambda n: mean_power(d, ss, sc, n, n * ratio, alpha, method, hypothesis, boundary)
    least = max(2, 2 / ratio)
    if method == "normal":
        n = solve(at, power, 1e-9, 1e13)
    else:
        n = least if at(least) >= power else solve(at, power, least, 1e5)
    ns, nc = round(n) + 3, round(n * ratio) + 5
    if method == "student" and boundary is None and n > least:
        side = "two-sided" if hypothesis == TWO else "larger"
        check = TTestIndPower().power(gain(d, hypothesis) / ss, n, alpha, ratio, alternative=side)
        assert abs(check - power) < 2e-6, (check, power)
    return {
        "difference": d,
        "spreads": {"stable": ss, "candidate": sc},
        "ratio": ratio,
        "alpha": alpha,
        "power": power,
        "method": method,
        "hypothesis": hypothesis,
        "boundary": boundary,
        "unrounded": n,
        "sizes": {"stable": ns, "candidate": nc},
        "powerAtSizes": mean_power(d, ss, sc, ns, nc, alpha, method, hypothesis, boundary),
    }


def detectable_row(ps, ns, nc, alpha, power, method, hypothesis, direction):
    sign = 1 if direction == "higher" else -1
    start = -hypothesis.get("margin", 0)
    room = 1 - ps if sign > 0 else ps
    at = lambda x: proportion_power(ps, min(1, max(0, ps + sign * x)), ns, nc, alpha, method, hypothesis)
    return {
        "stableRate": ps,
        "sizes": {"stable": ns, "candidate": nc},
        "alpha": alpha,
        "power": power,
        "method": method,
        "hypothesis": hypothesis,
        "direction": direction,
        "difference": sign * solve(at, power, start + 1e-12, room),
    }


DETECTABLE = [
    (0.1, 5000, 5000, 0.05, 0.8, "unpooled", TWO, "higher"),
    (0.1, 5000, 5000, 0.05, 0.8, "pooled", TWO, "lower"),
    (0.1, 50_000, 500, 0.01, 0.9, "corrected", UP, "higher"),
    (0.5, 100, 400, 0.05, 0.8, "arcsine", DOWN, "lower"),
    (0.02, 20_000, 20_000, 0.05, 0.9, "unpooled", margin(0.005, "lower"), "lower"),
    (0.02, 2000, 2000, 0.05, 0.9, "unpooled", margin(0.01, "lower"), "lower"),
    (0.3, 10**8, 10**8, 0.05, 0.8, "unpooled", TWO, "higher"),
    (0.0, 1000, 1000, 0.05, 0.8, "pooled", TWO, "higher"),
]
write(
    "power",
    {
        "proportions": [proportion_row(*case) for case in PROPORTIONS],
        "means": [mean_row(*case) for case in MEANS],
        "detectable": [detectable_row(*case) for case in DETECTABLE],
    },
    libraries={"statsmodels": statsmodels.__version__},
)
