"""Reference values of src/stats/planning/lan-demets.ts and group-sequential.ts: the recursion of Armitage, McPherson & Rowe
by Simpson's rule on a fine grid of the score statistic, boundaries by root finding; one plan compared with the
multivariate normal distribution of scipy."""

import numpy
from numpy import log, sqrt
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm
from support import write

POINTS = 3001


def simpson(low, high):
    x = numpy.linspace(low, high, POINTS)
    w = numpy.ones(POINTS)
    w[1:-1:2], w[2:-1:2] = 4, 2
    return x, w * (high - low) / (POINTS - 1) / 3


class Walk:
    """The score statistic S(t), drift t on average with variance t, among those that have not crossed."""

    def __init__(self, drift):
        self.drift, self.t, self.x, self.mass = drift, 0.0, numpy.zeros(1), numpy.ones(1)

    def above(self, t, s):
        d = t - self.t
        return self.mass @ norm.sf((s - self.x - self.drift * d) / sqrt(d))

    def below(self, t, s):
        d = t - self.t
        return self.mass @ norm.cdf((s - self.x - self.drift * d) / sqrt(d))

    def step(self, t, low, high):
        d = t - self.t
        low, high = max(low, self.drift * t - 11 * sqrt(t)), min(high, self.drift * t + 11 * sqrt(t))
        x, w = simpson(low, high)
        density = numpy.concatenate(
            [
                numpy.exp(-0.5 * ((part[:, None] - self.x[None, :] - self.drift * d) ** 2) / d) @ self.mass
                for part in numpy.array_split(x, 6)
            ]
        )
        self.x, self.mass, self.t = x, w * density / sqrt(2 * numpy.pi * d), t


def exits(fractions, boundaries, sides, drift):
    walk, looks, cumulative, expected = Walk(drift), [], 0, 0
    for k, (t, b) in enumerate(zip(fractions, boundaries)):
        s = b * sqrt(t)
        above = walk.above(t, s)
        below = walk.below(t, -s) if sides == 2 else 0.0
        last = k == len(fractions) - 1
        expected += t * (1 - cumulative if last else above + below)
        cumulative += above + below
        looks.append({"above": above, "below": below, "cumulative": cumulative})
        if not last:
            walk.step(t, -s if sides == 2 else -numpy.inf, s)
    return {
        "fractions": fractions,
        "boundaries": boundaries,
        "sides": sides,
        "drift": drift,
        "looks": looks,
        "power": sum(look["above"] for look in looks),
        "expectedFraction": expected,
    }


def spent(t, alpha, spending):
    if spending["kind"] == "obrien-fleming":
        return 2 * norm.sf(norm.isf(alpha / 2) / sqrt(t))
    if spending["kind"] == "pocock":
        return alpha * log(1 + (numpy.e - 1) * t)
    return alpha * t ** spending["exponent"]


def boundaries(fractions, alpha, sides, spending):
    walk, found, before = Walk(0.0), [], 0.0
    for t in fractions:
        share = spent(t, alpha / sides, spending) - before
        before += share
        s = brentq(lambda x: log(walk.above(t, x)) - log(share), -5 * sqrt(t), 38 * sqrt(t), xtol=1e-14, rtol=1e-14)
        found.append(s / sqrt(t))
        walk.step(t, -s if sides == 2 else -numpy.inf, s)
    return {
        "fractions": fractions,
        "alpha": alpha,
        "sides": sides,
        "spending": spending,
        "boundaries": found,
    }


OBF, POCOCK = {"kind": "obrien-fleming"}, {"kind": "pocock"}
FIVE = [0.2, 0.4, 0.6, 0.8, 1.0]
plans = [
    boundaries(FIVE, 0.05, 2, OBF),
    boundaries(FIVE, 0.05, 2, POCOCK),
    boundaries(FIVE, 0.025, 1, OBF),
    boundaries(FIVE, 0.05, 1, POCOCK),
    boundaries(FIVE, 0.05, 2, {"kind": "power", "exponent": 2}),
    boundaries([0.5, 1.0], 0.05, 2, OBF),
    boundaries([1.0], 0.05, 2, OBF),
    boundaries([0.1, 0.15, 0.5, 0.55, 0.97], 0.01, 1, {"kind": "power", "exponent": 0.5}),
    boundaries([0.3, 0.4, 0.9, 1.0], 1e-6, 2, {"kind": "power", "exponent": 3}),
    boundaries([0.25, 0.5, 0.75, 1.0], 0.6, 1, POCOCK),
    boundaries([k / 10 for k in range(1, 11)], 0.001, 2, POCOCK),
]
courses = [
    exits(plan["fractions"], plan["boundaries"], plan["sides"], drift)
    for plan in plans[:4] + plans[7:8]
    for drift in (0.0, 1.0, 3.2789, -3.0)
]
courses.append(exits([k / 20 for k in range(1, 21)], [1.96] * 20, 2, 0.0))

mean, cov = [3.0 * sqrt(t) for t in FIVE], [[sqrt(min(a, b) / max(a, b)) for b in FIVE] for a in FIVE]
bounds = plans[2]["boundaries"]
stay = multivariate_normal(mean, cov, seed=1, maxpts=400_000).cdf(bounds)
assert abs(1 - exits(FIVE, bounds, 1, 3.0)["power"] - stay) < 1e-4
write("group_sequential", {"plans": plans, "courses": courses})
