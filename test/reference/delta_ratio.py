"""Reference values of src/stats/fixed/delta-ratio.ts: the delta method's gradient in numpy; Welch's test of scipy where
every denominator is 1."""

import numpy
from mpmath import betainc, log, mp, mpf
from scipy import stats
from support import write

mp.dps = 40
rng = numpy.random.default_rng(7)


def ratio(x, y):
    """Ratio and variance by gradient and covariance matrix of the means."""
    gradient = numpy.array([1 / y.mean(), -x.mean() / y.mean() ** 2])
    return x.mean() / y.mean(), gradient @ numpy.cov(x, y) @ gradient / len(x)


def log_p(t, df):
    """log of the two-sided tail of Student's t."""
    x = mpf(df) / (df + mpf(t) ** 2)
    return log(betainc(mpf(df) / 2, mpf(1) / 2, 0, x, regularized=True))


def test(estimate, parts, alpha):
    variance = sum(v for v, _ in parts)
    df = variance**2 / sum(v**2 / d for v, d in parts)
    half = stats.t.isf(alpha / 2, df) * numpy.sqrt(variance)
    return {
        "estimate": estimate,
        "lower": estimate - half,
        "upper": estimate + half,
        "standardError": numpy.sqrt(variance),
        "degreesOfFreedom": df,
        "logPValue": log_p(estimate / numpy.sqrt(variance), df),
    }


def case(name, c, s, alpha=0.05):
    (xc, yc), (xs, ys) = [(numpy.asarray(x, float), numpy.asarray(y, float)) for x, y in (c, s)]
    (rc, vc), (rs, vs) = ratio(xc, yc), ratio(xs, ys)
    dc, ds = len(xc) - 1, len(xs) - 1
    result = {
        "name": name,
        "alpha": alpha,
        "candidate": {"x": xc.tolist(), "y": yc.tolist(), "ratio": rc, "standardError": numpy.sqrt(vc)},
        "stable": {"x": xs.tolist(), "y": ys.tolist(), "ratio": rs, "standardError": numpy.sqrt(vs)},
        "difference": test(rc - rs, [(vc, dc), (vs, ds)], alpha),
        "relative": None,
    }
    if abs(rs) >= 4 * numpy.sqrt(vs) and vc + vs * rc**2 > 0:
        result["relative"] = test(rc / rs - 1, [(vc / rs**2, dc), (vs * rc**2 / rs**4, ds)], alpha)
    if (yc == 1).all() and (ys == 1).all():
        welch = stats.ttest_ind(xc, xs, equal_var=False)
        assert numpy.isclose(welch.df, result["difference"]["degreesOfFreedom"], rtol=1e-12)
        assert numpy.isclose(welch.pvalue, float(mp.exp(result["difference"]["logPValue"])), rtol=1e-9)
    return result


def sessions(n, rate, mean=6):
    views = rng.poisson(mean, n) + 1
    return rng.binomial(views, rate), views


ones = numpy.ones
CASES = [
    case("clicks per view of 40 sessions each", sessions(40, 0.3), sessions(40, 0.25)),
    case("sizes and traffic that differ", sessions(15, 0.4, 2), sessions(60, 0.2, 12), 0.01),
    case("a candidate without clicks", ([0] * 12, [1, 2, 3] * 4), sessions(30, 0.5)),
    case("denominators of 1: Welch", (rng.normal(size=9), ones(9)), (rng.normal(1, 3, size=14), ones(14))),
    case("a mean near 1e9", (1e9 + rng.normal(size=10), ones(10)), (1e9 + rng.normal(size=12), ones(12))),
    case("negative denominators", (rng.normal(2, 1, 20), -5 - rng.random(20)), (rng.normal(2, 1, 20), -5 - rng.random(20))),
    case("a p value of 1e-400", (100 + rng.random(800) / 1e3, ones(800)), (rng.random(800) / 1e3, ones(800))),
    case("two units each", ([1, 2], [10, 11]), ([5, 7], [10, 12])),
]
write("delta_ratio", {"comparisons": CASES})
