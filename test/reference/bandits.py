"""
Reference values of src/stats/bandit: mpmath quadrature on the rates (or values) themselves, finite sums,
scipy's incomplete beta function at huge counts, numpy's least squares for the linear models. Takes about two minutes.
"""

import numpy
from mpmath import beta as mp_beta
from mpmath import betainc as mp_betainc
from mpmath import fsum as mp_fsum
from mpmath import log, mp, mpf, ncdf, npdf, quad, sqrt, workdps
from scipy.special import betainc, betaincc

from support import write

mp.dps = 30


def product(values):
    result = mpf(1)
    for value in values:
        result *= value
    return result


def best_of(densities, distributions, points):
    """P(arm k is the greatest) and E[(greatest other - k)+], each by its own integral between the given points."""
    arms = range(len(densities))

    def others(k, x):
        return product(distributions[j](x) for j in arms if j != k)

    best = [quad(lambda x: densities[k](x) * others(k, x), points) for k in arms]
    losses = [quad(lambda x: distributions[k](x) * (1 - others(k, x)), points) for k in arms]
    return best, losses


def beta_best(arms, prior):
    shapes = [(mpf(prior[0]) + e, mpf(prior[1]) + n - e) for e, n in arms]

    def points():
        found = {mpf(0), mpf(1)}
        for a, b in shapes:
            mean = a / (a + b)
            sd = sqrt(mean * (1 - mean) / (a + b + 1))
            for z in (-12, -6, -3, -1, 0, 1, 3, 6, 12, 25, 60):
                if 0 < mean + z * sd < 1:
                    found.add(mean + z * sd)
        return sorted(found)

    densities = [lambda x, a=a, b=b: x ** (a - 1) * (1 - x) ** (b - 1) / mp_beta(a, b) for a, b in shapes]
    distributions = [lambda x, a=a, b=b: mp_betainc(a, b, 0, x, regularized=True) for a, b in shapes]
    return best_of(densities, distributions, points())


def exact_two(first, second):
    """P(second > first) for uniform priors and whole counts, by Miller's finite sum over the second's events."""
    (e1, n1), (e2, n2) = first, second
    a1, b1, a2, b2 = e1 + 1, n1 - e1 + 1, e2 + 1, n2 - e2 + 1
    with workdps(50):
        # B(a1 + i, b1 + b2) / ((b2 + i) B(1 + i, b2) B(a1, b1))
        return mp_fsum(
            mp_beta(a1 + i, b1 + b2) / ((b2 + i) * mp_beta(1 + i, b2) * mp_beta(a1, b1)) for i in range(a2)
        )


def beta_cases():
    cases = [
        ([(0, 0), (0, 0)], (1, 1)),
        ([(40, 1000), (50, 1000), (60, 1000)], (1, 1)),
        ([(3, 20), (0, 0), (1, 50)], (1, 1)),
        ([(0, 30), (0, 10), (2, 12), (1, 12)], (0.5, 0.5)),
        ([(12, 12), (30, 30), (29, 30)], (1, 1)),
        ([(0.4, 7.25), (1.75, 12.5)], (2, 30)),
        ([(2, 20), (2, 20), (2, 20)], (1, 1)),
    ]
    found = []
    for arms, prior in cases:
        best, losses = beta_best(arms, prior)
        found.append(record(arms, prior, best, losses))
    return found


def record(arms, prior, best, losses=None):
    case = {
        "arms": [{"events": e, "trials": n} for e, n in arms],
        "prior": {"a": prior[0], "b": prior[1]},
        "best": best,
    }
    return case if losses is None else {**case, "losses": losses}


def huge_cases():
    """Arms of 1e8 trials: trapezoids on the log odds, where every posterior is smooth and vanishes at both ends."""
    cases = [
        [(50_000_000, 10**8), (50_005_000, 10**8)],
        [(50_000_000, 10**8), (50_005_000, 10**8), (1, 2)],
        [(0, 10**8), (0, 0), (1, 2)],
        [(4_000_000, 10**8), (52, 1000)],
        [(10**8, 10**8), (10**8 - 1, 10**8), (10**8, 10**8)],
    ]
    return [record(arms, (1, 1), [trapezoids(arms, k) for k in range(len(arms))]) for arms in cases]


def trapezoids(arms, k):
    shapes = [(e + 1, n - e + 1) for e, n in arms]
    a, b = shapes[k]
    step = min(numpy.sqrt(1 / c + 1 / d) for c, d in shapes) / 6
    left = next(u for u in numpy.geomspace(1e-6, 200, 500) if log_beta_density(a, b, -u) < -60)
    right = next(u for u in numpy.geomspace(1e-6, 200, 500) if log_beta_density(a, b, u) < -60)
    offsets = numpy.arange(-left, right, step)
    density = numpy.exp(log_beta_density(a, b, offsets))
    odds = a / b * numpy.exp(offsets)
    rate, complement = odds / (1 + odds), 1 / (1 + odds)
    others = numpy.ones_like(offsets)
    for j, (c, d) in enumerate(shapes):
        if j != k:
            others *= numpy.where(rate < 0.5, betainc(c, d, rate), betaincc(d, c, complement))
    return float((density * others).sum() / density.sum())


def log_beta_density(a, b, offset):
    """Of Beta(a, b) on the log odds, less its value at the mode, by the distance from it."""
    if a > b:
        a, b, offset = b, a, -offset
    return a * offset - (a + b) * numpy.log1p(a / (a + b) * numpy.expm1(offset))


def gaussian_beliefs(arms, prior_values, least):
    """The posteriors that thompson-gaussian.ts documents, from the formulas, in 30 digits."""
    arms = [tuple(map(mpf, arm)) for arm in arms]
    n = sum(arm[0] for arm in arms)
    centre = sum(count * mean for count, mean, _ in arms) / n
    total = sum(m2 + count * (mean - centre) ** 2 for count, mean, m2 in arms) / (n - 1)
    scale = max(total, mpf(least))
    beliefs = []
    for count, mean, m2 in arms:
        own = scale if count < 2 else max(m2 / (count - 1), scale / count, mpf(least))
        precision = count / own + prior_values / scale
        beliefs.append(((count * mean / own + prior_values * centre / scale) / precision, 1 / sqrt(precision)))
    return beliefs


def best_of_normals(beliefs):
    densities = [lambda x, m=m, s=s: npdf(x, m, s) for m, s in beliefs]
    distributions = [lambda x, m=m, s=s: ncdf(x, m, s) for m, s in beliefs]
    points = sorted({m + z * s for m, s in beliefs for z in (-40, -12, -6, -3, -1, 0, 1, 3, 6, 12, 40)})
    return best_of(densities, distributions, points)


def gaussian_cases():
    cases = [
        ([(12, 3.5, 40.0), (15, 4.25, 33.0), (9, 4.0, 51.0)], 1, 0),
        ([(100, 1e9 + 0.25, 90.0), (120, 1e9 + 0.5, 150.0), (3, 1e9 - 1, 2.0)], 1, 0),
        ([(5, 2.0, 0.0), (40, 1.9, 12.0)], 1, 0),
        ([(20, 1.0, 0.0), (20, 0.9, 0.0)], 1, 0),
        ([(10**8, 0.5, 2.5e7), (10**8, 0.50005, 2.5e7), (0, 0, 0)], 1, 0),
        ([(2.5, 7.0, 1.5), (30.25, 6.0, 60.0), (1, 5.5, 0.0)], 2, 0.5),
        ([(10, -200.0, 900.0), (12, -212.0, 1500.0)], 1, 0),
        ([(1000, 10.0, 900.0), (1000, 11.0, 1100.0), (1000, 12.5, 1000.0)], 1, 0),
    ]
    found = []
    for arms, prior_values, least in cases:
        beliefs = gaussian_beliefs(arms, prior_values, least)
        best, losses = best_of_normals(beliefs)
        found.append(
            {
                "arms": [{"n": n, "mean": mean, "m2": m2} for n, mean, m2 in arms],
                "priorValues": prior_values,
                "leastVariance": least,
                "means": [m for m, _ in beliefs],
                "best": best,
                "losses": losses,
            }
        )
    return found


def divergence(p, q):
    p, q = mpf(p), mpf(q)
    first = p * log(p / q) if p > 0 else mpf(0)
    second = (1 - p) * log((1 - p) / (1 - q)) if p < 1 else mpf(0)
    return first + second


def kl_ucb_cases():
    cases = [
        ([(4, 100), (5, 100), (6, 100)], 0),
        ([(0, 50), (50, 50), (1, 3)], 3),
        ([(4_000_000, 10**8), (60, 1000)], 0),
        ([(0, 10**8), (10**8 - 1, 10**8)], 3),
        ([(0.25, 3.5), (2.5, 4.5)], 0),
    ]
    found = []
    for arms, c in cases:
        rounds = log(sum(mpf(n) for _, n in arms))
        budget = rounds + c * max(mpf(0), log(rounds))
        indices = []
        for e, n in arms:
            rate = mpf(e) / n
            if rate == 1:
                indices.append(mpf(1))
                continue
            low, high = rate, mpf(1)
            for _ in range(110):
                middle = (low + high) / 2
                if n * divergence(rate, middle) <= budget:
                    low = middle
                else:
                    high = middle
            indices.append(low)
        found.append({"arms": [{"events": e, "trials": n} for e, n in arms], "c": c, "indices": indices})
    return found


def stopping_cases():
    cases = [
        ([(400, 1000), (480, 1000), (450, 1000)], 0.05),
        ([(0, 40), (40, 40)], 0.01),
        ([(10**8, 10**8), (10**8 - 30, 10**8)], 0.05),
        ([(0, 10**8), (9, 10**8)], 0.05),
        ([(50_000_000, 10**8), (50_040_000, 10**8)], 0.001),
        ([(3, 12), (3, 12)], 0.05),
    ]
    found = []
    for arms, alpha in cases:
        rates = [mpf(e) / n for e, n in arms]
        leader = rates.index(max(rates))
        evidences = []
        for i, (e, n) in enumerate(arms):
            rate = mpf(e + arms[leader][0]) / (n + arms[leader][1])
            both = n * divergence(rates[i], rate) + arms[leader][1] * divergence(rates[leader], rate)
            evidences.append(mpf(0) if i == leader or rates[i] == rates[leader] else both)
        evidence = min(value for i, value in enumerate(evidences) if i != leader)
        found.append(
            {
                "arms": [{"events": e, "trials": n} for e, n in arms],
                "alpha": alpha,
                "leader": leader,
                "evidences": evidences,
                "evidence": evidence,
                "threshold": log((1 + log(sum(n for _, n in arms))) / mpf(alpha)),
            }
        )
    return found


def ridge_cases():
    random = numpy.random.default_rng(7)
    found = []
    for features, l2, rows, exploration in [(1, 1.0, 4, 1.0), (3, 0.5, 30, 0.7), (6, 2.0, 200, 1.5)]:
        arms = []
        for k in range(3):
            x = random.normal(size=(rows, features)).round(3)
            y = (x @ random.normal(size=features) + random.normal(size=rows)).round(3)
            arms.append((x, y))
        request = random.normal(size=features).round(3)
        means, deviations = [], []
        for x, y in arms:
            # Ridge regression as least squares on rows appended for the penalty: no normal equations.
            extended = numpy.vstack([x, numpy.sqrt(l2) * numpy.eye(features)])
            theta = numpy.linalg.lstsq(extended, numpy.concatenate([y, numpy.zeros(features)]), rcond=None)[0]
            triangle = numpy.linalg.qr(extended, mode="r")
            means.append(float(request @ theta))
            deviations.append(float(numpy.linalg.norm(numpy.linalg.solve(triangle.T, request))))
        best, _ = best_of_normals([(mpf(m), exploration * mpf(s)) for m, s in zip(means, deviations)])
        found.append(
            {
                "l2": l2,
                "exploration": exploration,
                "arms": [{"features": x.tolist(), "rewards": y.tolist()} for x, y in arms],
                "request": request.tolist(),
                "means": means,
                "deviations": deviations,
                "best": best,
            }
        )
    return found


def exact_cases():
    found = []
    huge_pairs = [((5, 10**8), (3, 10**8)), ((0, 10**8), (0, 10**6)), ((40, 10**8), (9, 10**7)), ((9, 9), (0, 10**8))]
    for first, second in [((3, 10), (5, 10)), ((0, 5), (0, 500)), ((120, 1000), (150, 1000)), ((700, 700), (1, 700)), *huge_pairs]:
        wins = exact_two(first, second)
        found.append(record([first, second], (1, 1), [1 - wins, wins]))
    return found


def top_two_draws(best):
    """Leader with 1/2, else a redraw until it differs: summed over the number of redraws instead of in closed form."""
    best = [mpf(value) for value in best]
    found = []
    for k in range(len(best)):
        total = best[k] / 2
        for leader in range(len(best)):
            if leader == k:
                continue
            again, sum_of_redraws = mpf(1), mpf(0)
            while again > mpf(10) ** -25:
                sum_of_redraws += again * best[k]
                again *= best[leader]
            total += best[leader] * sum_of_redraws / 2
        found.append(total)
    return {"best": best, "probabilities": found}


if __name__ == "__main__":
    write(
        "bandits",
        {
            "rates": beta_cases() + exact_cases(),
            "hugeRates": huge_cases(),
            "means": gaussian_cases(),
            "klUcb": kl_ucb_cases(),
            "stopping": stopping_cases(),
            "linear": ridge_cases(),
            "topTwo": [top_two_draws(b) for b in ([0.5, 0.5], [0.2, 0.3, 0.5], [0.9, 0.09, 0.01], [0.99, 0, 0.01])],
        },
    )
