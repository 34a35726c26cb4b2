"""Reference values of src/stats/bayes. Whole-numbered Beta parameters: the finite sum for P(B > A) in 80 digits, expected
losses through it. Others: Gauss-Legendre panels of scipy's Beta density and distribution. Huge counts: trapezoidal sums of
densities in 80 digits. Gaussians: 80 digits."""

import numpy
from mpmath import erfc, exp, log, log1p, loggamma, mp, mpf, pi, sqrt
from scipy import stats
from scipy.optimize import brentq
from support import write

mp.dps = 80


def log_beta(a, b):
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def greater(b, a):
    """P(B > A) for Beta parameters b and a, b[0] whole: the finite sum of Miller (2015), "Formulas for Bayesian A/B testing"."""
    if b[0] > 3000:
        return 1 - greater(a, b)
    (ab, bb), (aa, ba) = [tuple(map(mpf, pair)) for pair in (b, a)]
    total = mpf(0)
    for i in range(int(ab)):
        total += exp(log_beta(aa + i, ba + bb) - log(bb + i) - log_beta(1 + i, bb) - log_beta(aa, ba))
    return total


def excess(b, a):
    """E max(B - A, 0) through means and P of shifted parameters."""
    mean = lambda p: mpf(p[0]) / (mpf(p[0]) + mpf(p[1]))
    return mean(b) * greater((b[0] + 1, b[1]), a) - mean(a) * greater(b, (a[0] + 1, a[1]))


NODES, WEIGHTS = numpy.polynomial.legendre.leggauss(24)


def panels(f, cuts):
    """Gauss-Legendre panels between the cuts, four in each."""
    edges = numpy.concatenate([numpy.linspace(a, b, 5)[:-1] for a, b in zip(cuts, cuts[1:])] + [cuts[-1:]])
    half, middle = numpy.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    return float((f(middle + half * NODES) * WEIGHTS * half).sum())


def at_most(first, second, d):
    """P(first - second <= d) by quadrature over the logit of the second, graded towards the ends of the first."""
    peak, sd = numpy.log(second[0] / second[1]), numpy.sqrt(1 / second[0] + 1 / second[1])

    def integrand(u):
        x = 1 / (1 + numpy.exp(-u))
        return stats.beta.cdf(x + d, *first) * stats.beta.pdf(x, *second) * x * (1 - x)

    cuts = [peak + k * min(sd, 1) for k in (-90, -60, -30, -20, -12, -6, -3, -1, 0, 1, 3, 6, 12, 30)]
    for edge in (-d, 1 - d):
        if 0 < edge < 1:
            at = numpy.log(edge / (1 - edge))
            cuts += [at] + [at + sign * 4.0**-k for k in range(0, 24) for sign in (-1, 1)]
    return panels(integrand, numpy.unique(cuts))


def posterior(outcomes, prior):
    return outcomes[0] + prior[0], outcomes[1] - outcomes[0] + prior[1]


def limits(first, second, alpha):
    scale = numpy.sqrt(stats.beta(*first).var() + stats.beta(*second).var())
    centre = first[0] / sum(first) - second[0] / sum(second)
    low, high = max(-1, centre - 12 * scale), min(1, centre + 12 * scale)
    root = lambda f: brentq(f, low, high, xtol=1e-18, rtol=1e-14)
    # P(first - second > d) = P(second - first <= -d), which keeps the digits of the upper tail.
    return root(lambda d: at_most(first, second, d) - alpha / 2), root(lambda d: alpha / 2 - at_most(second, first, -d))


def row(name, c, s, prior, alpha, win, lose, loss_candidate, loss_stable, lower=None, upper=None):
    return {
        "name": name,
        "candidate": {"events": c[0], "trials": c[1]},
        "stable": {"events": s[0], "trials": s[1]},
        "prior": {"a": prior[0], "b": prior[1]},
        "alpha": alpha,
        "logChanceToWin": log(win) if win < 0.9 else log1p(-lose),
        "logChanceToLose": log(lose) if lose < 0.9 else log1p(-win),
        "loss": {"candidate": loss_candidate, "stable": loss_stable},
        "lower": lower,
        "upper": upper,
    }


def whole(name, c, s, prior=(1, 1), alpha=0.05, interval=True):
    pc, ps = posterior(c, prior), posterior(s, prior)
    win, lose = greater(pc, ps), greater(ps, pc)
    assert abs(win + lose - 1) < mpf(10) ** -20
    lower, upper = limits(pc, ps, alpha) if interval else (None, None)
    return row(name, c, s, prior, alpha, win, lose, excess(ps, pc), excess(pc, ps), lower, upper)


def fractional(name, c, s, prior, alpha=0.05):
    pc, ps = posterior(c, prior), posterior(s, prior)
    lose, win = at_most(pc, ps, 0), at_most(ps, pc, 0)

    def loss(first, second):
        """E max(first - second, 0)."""

        def integrand(u):
            x = 1 / (1 + numpy.exp(-u))
            return stats.beta.sf(x, *first) * stats.beta.cdf(x, *second) * x * (1 - x)

        return panels(integrand, numpy.linspace(-90, 40, 66))

    return row(name, c, s, prior, alpha, mpf(win), mpf(lose), loss(ps, pc), loss(pc, ps), *limits(pc, ps, alpha))


def log_density(parameters, x):
    a, b = map(mpf, parameters)
    return (a - 1) * log(x) + (b - 1) * log(1 - x) - log_beta(a, b)


class Huge:
    """The density of the difference of two nearly normal Beta variables, and its integrals over half lines."""

    def __init__(self, first, second):
        self.first, self.second = first, second
        moments = [(mpf(a) / (a + b), mpf(a) * b / mpf(a + b) ** 2 / (a + b + 1)) for a, b in (first, second)]
        self.centre, self.sd = moments[0][0] - moments[1][0], sqrt(moments[0][1] + moments[1][1])
        (m1, v1), (m2, v2) = moments
        self.place = lambda d: m2 + (d - self.centre) * -v2 / (v1 + v2)
        self.width = sqrt(v1 * v2 / (v1 + v2))
        self.norm = [log_beta(*map(mpf, p)) for p in (first, second)]

    def log_density(self, which, x):
        a, b = (self.first, self.second)[which]
        return (a - 1) * log(x) + (b - 1) * log1p(-x) - self.norm[which]

    def density(self, d):
        """Trapezoidal rule over the second variable."""
        h, x0 = self.width / 2, self.place(d)
        points = [x0 + k * h for k in range(-26, 27)]
        return h * sum(exp(self.log_density(1, x) + self.log_density(0, x + d)) for x in points)

    def integral(self, low, high, weight=lambda d: 1):
        nodes, weights = numpy.polynomial.legendre.leggauss(16)
        panels = 9
        total = mpf(0)
        for panel in range(panels):
            left, right = [low + (high - low) * k / panels for k in (panel, panel + 1)]
            for node, w in zip(nodes, weights):
                d = (left + right) / 2 + mpf(node) * (right - left) / 2
                total += mpf(w) * (right - left) / 2 * weight(d) * self.density(d)
        return total

    def below(self, d):
        return self.integral(d - 12 * self.sd, d) if d < self.centre else 1 - self.integral(d, d + 12 * self.sd)


def huge(name, c, s, prior=(1, 1), alpha=0.05):
    pc, ps = posterior(c, prior), posterior(s, prior)
    difference = Huge(pc, ps)
    reach = 13 * difference.sd
    lose = difference.below(mpf(0))
    loss_candidate = difference.integral(min(difference.centre, mpf(0)) - reach, mpf(0), lambda d: -d)
    loss_stable = loss_candidate + difference.centre

    def quantile(tail, guess):
        d = guess
        for _ in range(6):
            d -= (difference.below(d) - tail) / difference.density(d)
        return d

    lower = quantile(mpf(alpha) / 2, difference.centre - 2 * difference.sd)
    upper = quantile(1 - mpf(alpha) / 2, difference.centre + 2 * difference.sd)
    return row(name, c, s, prior, alpha, 1 - lose, lose, loss_candidate, loss_stable, lower, upper)


def log_tail_above(parameters, x):
    """log P(Beta > x) far above the mean, by Lentz's continued fraction of I_{1-x}(b, a)."""
    b, a = map(mpf, parameters)
    y = 1 - x
    c, d = mpf(1), 1 / (1 - (a + b) * y / (a + 1))
    h = d
    for m in range(1, 5000):
        for numerator in (
            m * (b - m) * y / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * y / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / (1 + numerator * d), 1 + numerator / c
            h *= c * d
        if abs(c * d - 1) < mpf(10) ** -40:
            break
    return a * log(y) + b * log(1 - y) - log(a) - log_beta(a, b) + log(h)


def tiny(name, c, s, prior=(1, 1)):
    """log P(candidate > stable) where the posteriors are thousands of standard deviations apart."""
    pc, ps = posterior(c, prior), posterior(s, prior)
    a, b = mpf(pc[0] + ps[0]), mpf(pc[1] + ps[1])
    x0, width = a / (a + b), sqrt(a * b / (a + b) ** 3)
    h = width / 4
    terms = [log_density(ps, x0 + k * h) + log_tail_above(pc, x0 + k * h) for k in range(-60, 61)]
    top = max(terms)
    total = top + log(h * sum(exp(term - top) for term in terms))
    result = row(name, c, s, prior, 0.05, mpf(1) / 2, mpf(1) / 2, None, None)
    return {**result, "logChanceToWin": total, "logChanceToLose": log1p(-exp(total))}


def gaussian(d, se, prior, alpha):
    d, se, m0, s0 = mpf(d), mpf(se), mpf(prior[0]), mpf(prior[1])
    precision = 1 / se**2 + 1 / s0**2
    m, s = (d / se**2 + m0 / s0**2) / precision, 1 / sqrt(precision)
    phi = lambda z: exp(-z * z / 2) / sqrt(2 * pi)
    upper = lambda z: erfc(z / sqrt(mpf(2))) / 2
    q = -stats.norm.ppf(alpha / 2)
    return {
        "estimate": d,
        "standardError": se,
        "prior": {"mean": m0, "standardDeviation": s0},
        "alpha": alpha,
        "mean": m,
        "standardDeviation": s,
        "logChanceToWin": log1p(-upper(m / s)),
        "logChanceToLose": log(upper(m / s)),
        "loss": {"candidate": s * phi(m / s) - m * upper(m / s), "stable": s * phi(m / s) + m * upper(-m / s)},
        "lower": m - q * s,
        "upper": m + q * s,
    }


write(
    "bayes",
    {
        "rates": [
            whole("a usual test", (12, 100), (8, 100)),
            whole("a clear winner", (300, 1000), (200, 1000)),
            whole("no data", (0, 0), (0, 0)),
            whole("one version only", (3, 10), (0, 0), alpha=0.2),
            whole("no events in either", (0, 50), (0, 80)),
            whole("events in every trial", (40, 40), (38, 40)),
            whole("no events in 1e8 trials", (0, 10**8), (0, 10**8)),
            whole("few events in 1e8 trials", (9, 10**8), (3, 10**8), alpha=0.01),
            whole("a prior of some weight", (5, 20), (9, 20), (30, 70)),
            whole("ties", (17, 60), (17, 60)),
            whole("a small version and a huge one", (3, 10), (4 * 10**6, 10**7), interval=False),
            fractional("Jeffreys' prior", (2, 20), (5, 20), (0.5, 0.5)),
            fractional("Jeffreys' prior without events", (0, 30), (0, 50), (0.5, 0.5)),
            fractional("a prior of little weight", (1, 9), (0, 7), (0.25, 0.75), 0.1),
            huge("half of 1e8", (5 * 10**7, 10**8), (5 * 10**7, 10**8)),
            huge("half of 1e8, five standard deviations apart", (50_020_000, 10**8), (5 * 10**7, 10**8)),
            huge("a tenth of 1e6", (100_400, 10**6), (10**5, 10**6)),
            tiny("1e7 and 5e7 of 1e8", (10**7, 10**8), (5 * 10**7, 10**8)),
            tiny("100 and 800 of 10000", (100, 10**4), (800, 10**4)),
        ],
        "gaussians": [
            gaussian(0.02, 0.01, (0, 0.3), 0.05),
            gaussian(-0.02, 0.01, (0, 0.01), 0.05),
            gaussian(0, 1, (0, 1), 0.5),
            gaussian(0.5, 0.01, (0, 0.3), 0.01),
            gaussian(3, 0.04, (1, 2), 0.05),
            gaussian(30, 1, (0, 1e6), 0.05),
            gaussian(38, 1, (0, 1e6), 0.05),
            gaussian(1e-9, 1e-3, (0, 0.3), 0.05),
            gaussian(1e9, 1e7, (0, 1e8), 0.05),
            gaussian(2.0001, 1, (0, 1e8), 0.05),
            gaussian(400, 1, (0, 1e8), 0.05),
        ],
    },
)
