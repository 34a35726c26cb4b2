"""Reference values of src/stats/delay: the product-limit estimate and the maturity age.

Individual predictions by statsmodels' SurvfuncRight, with Greenwood's variance; counts too many to write out one by one
by their definitions in exact fractions. A bin of the delay grid is a time; an unlabelled prediction is censored at the
end of its bin, so that it is at risk there, as in statsmodels.
"""

from fractions import Fraction

import numpy
import statsmodels
from mpmath import mp, mpf, sqrt
from statsmodels.duration.survfunc import SurvfuncRight

from support import write

mp.dps = 40
BINS = 212
LEAST_LABELS = 50
FOLLOW_UP_BINS = 6

# Weeks of remission under 6-mercaptopurine, + censored: Freireich et al., Blood 21 (1963).
REMISSION = ([6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])


def counted(labelled, censored, length):
    return {
        "labelled": numpy.bincount(numpy.array(labelled, dtype=int), minlength=length).tolist(),
        "censored": numpy.bincount(numpy.array(censored, dtype=int), minlength=length).tolist(),
    }


def from_statsmodels(name, labelled, censored):
    times = list(labelled) + list(censored)
    status = [1] * len(labelled) + [0] * len(censored)
    survival = SurvfuncRight(numpy.array(times) + 1, numpy.array(status))
    steps = [
        # Where all are labelled statsmodels has no error; the limit of Greenwood's formula is 0.
        [int(time) - 1, 1 - float(s), 0 if s == 0 else float(se), int(risk)]
        for time, s, se, risk in zip(survival.surv_times, survival.surv_prob, survival.surv_prob_se, survival.n_risk)
    ]
    return {"name": name, **counted(labelled, censored, max(times) + 1), "steps": steps}


def simulated(seed, size, scale, never, follow):
    """Delays of a lognormal law in bins; some never; ages spread evenly over `follow` bins, which censors most."""
    random = numpy.random.default_rng(seed)
    bins = numpy.floor(random.normal(scale, 12, size)).clip(0, BINS - 1)
    bins = numpy.where(random.random(size) < never, 10**6, bins)
    ages = random.integers(*follow, size)
    return bins[bins <= ages].astype(int).tolist(), ages[bins > ages].tolist()


def product_limit(labelled, censored):
    """(share, variance, at risk) of every bin in exact fractions."""
    risk = sum(labelled) + sum(censored)
    survival, greenwood, steps = Fraction(1), Fraction(0), []
    for d, c in zip(labelled, censored):
        if risk == 0:
            break
        survival *= 1 - Fraction(d, risk)
        greenwood += 0 if d == risk else Fraction(d, risk * (risk - d))
        steps.append((1 - survival, survival**2 * greenwood, risk))
        risk -= d + c
    return steps


def real(fraction):
    return mpf(fraction.numerator) / mpf(fraction.denominator)


def exact(name, labelled, censored):
    steps = [
        [bin, real(share), sqrt(real(variance)), risk]
        for bin, (share, variance, risk) in enumerate(product_limit(labelled, censored))
    ]
    return {"name": name, "labelled": labelled, "censored": censored, "steps": steps}


def maturity(name, labelled, censored, share, horizon_bin=None):
    """By the definition: the bin, the bin of the horizon and the share labelled within it, or null."""
    steps = product_limit(labelled, censored)
    before = [Fraction(0)] + [step[0] for step in steps]
    observed = [b for b, (f, _, n) in enumerate(steps) if n * f >= LEAST_LABELS * (1 - before[b])]
    answer = None
    if observed:
        last = observed[-1]
        complete = steps[-1][0] == 1 and last == len(steps) - 1
        horizon = last if horizon_bin is None else horizon_bin
        if horizon <= last or complete:
            total = steps[min(horizon, len(steps) - 1)][0]
            age = next(b for b, (f, _, _) in enumerate(steps) if f >= Fraction(share).limit_denominator(1000) * total)
            if horizon_bin is not None or complete or age + FOLLOW_UP_BINS <= last:
                answer = {"bin": age, "horizonBin": horizon, "labelledShare": real(total)}
    return {
        "name": name,
        "labelled": labelled,
        "censored": censored,
        "share": share,
        "horizonBin": horizon_bin,
        "answer": answer,
    }


def grouped(*arguments):
    labelled, censored = simulated(*arguments)
    counts = counted(labelled, censored, max(labelled + censored) + 1)
    return counts["labelled"], counts["censored"]


mature = grouped(11, 4000, 60, 0.3, (60, 140))
young = grouped(12, 4000, 60, 0.3, (20, 62))
rare = grouped(13, 4000, 60, 0.98, (90, 140))
write(
    "delay_distribution",
    {
        "individual": [
            from_statsmodels("remission under 6-mercaptopurine", *REMISSION),
            from_statsmodels("one prediction, labelled", [3], []),
            from_statsmodels("ties in one bin", [5] * 7, [5] * 3),
            from_statsmodels("all labelled in the end", [1, 1, 4, 9, 9, 9], [0, 2, 4]),
            from_statsmodels("the last one watched is labelled", [2, 8], [2, 3, 3, 4]),
            from_statsmodels("moderate censoring", *simulated(1, 400, 60, 0.2, (40, 140))),
            from_statsmodels("heavy censoring", *simulated(2, 3000, 100, 0.5, (0, 110))),
            from_statsmodels("almost never a label", *simulated(3, 2000, 60, 0.995, (60, 140))),
        ],
        "counts": [
            exact("no label", [0, 0, 0], [5, 0, 2]),
            exact("a hundred million", [10**7, 0, 3 * 10**7, 1], [10**7, 10**7, 0, 4 * 10**7 - 1]),
            exact("three labels of a hundred million", [1, 1, 0, 1], [0, 0, 5 * 10**7, 5 * 10**7 - 3]),
            exact("three unlabelled of a hundred million", [5 * 10**7, 5 * 10**7 - 3], [0, 3]),
            exact("all but the censored", [10**8, 1, 0], [10**8, 0, 0]),
            exact("the whole grid", [1] * BINS, [1] * BINS),
        ],
        "maturity": [
            maturity("mature", *mature, 0.95),
            maturity("mature, half of the labels", *mature, 0.5),
            maturity("mature, with a horizon", *mature, 0.95, 80),
            maturity("a horizon that is not observed", *mature, 0.95, 200),
            maturity("the tail is not observed", *young, 0.95),
            maturity("young, with a horizon that is observed", *young, 0.95, 45),
            maturity("few labels of many predictions", *rare, 0.95),
            maturity("too few labels", [0, 20, 10, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 900], 0.95),
            maturity("every prediction labelled at once", [0, 0, 60], [0, 0, 0], 0.95),
            maturity("every one labelled, one of them alone", [0, 60, 0, 1], [0, 0, 60, 0], 0.95),
            maturity("a hundred million", [0, 9 * 10**7] + [0] * 8, [0] * 9 + [10**7], 0.95),
        ],
    },
    libraries={"statsmodels": statsmodels.__version__},
)
