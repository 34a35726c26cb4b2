"""Reference values of src/stats/fixed/cuped.ts and cuped-with-new-units.ts: regressions of statsmodels on the raw units."""

import numpy
import statsmodels
import statsmodels.api as sm
from mpmath import betainc, log, mp, mpf
from scipy import stats
from support import write

mp.dps = 40
rng = numpy.random.default_rng(11)


def log_p(t, df):
    """log of the two-sided tail of Student's t."""
    x = mpf(df) / (df + mpf(t) ** 2)
    return log(betainc(mpf(df) / 2, mpf(1) / 2, 0, x, regularized=True))


def t_test(estimate, parts, alpha):
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


def welch(a, b, alpha):
    return t_test(a.mean() - b.mean(), [(v.var(ddof=1) / len(v), len(v) - 1) for v in (a, b)], alpha)


def at_mean(x, y, centre):
    """Mean and variance of an arm's regression line at the common mean of the covariate."""
    fit = sm.OLS(y, sm.add_constant(x - centre, has_constant="add")).fit()
    prediction = fit.get_prediction([[1, 0]])
    return fit.params[1], prediction.predicted_mean[0], prediction.se_mean[0] ** 2


def within(c, s):
    x = numpy.concatenate([c[0], s[0]])
    n = len(x)
    arms = [at_mean(*arm, x.mean()) for arm in (c, s)]
    parts = [(v, len(arm[0]) - 2) for (_, _, v), arm in zip(arms, (c, s))]
    parts.append(((arms[0][0] - arms[1][0]) ** 2 * x.var(ddof=1) / n, n - 4))
    # The estimate is also the coefficient of the version in Lin's regression with interactions.
    arm, y = numpy.r_[numpy.ones(len(c[0])), numpy.zeros(len(s[0]))], numpy.concatenate([c[1], s[1]])
    lin = sm.OLS(y, numpy.column_stack([numpy.ones(n), arm, x - x.mean(), arm * (x - x.mean())])).fit()
    assert numpy.isclose(lin.params[1], arms[0][1] - arms[1][1], rtol=1e-7, atol=1e-9)
    return arms, lin.params[1], parts


def pooled(c, s):
    """The coefficient of the version in the regression with one slope; its variance by the influence of every unit."""
    nc, ns = len(c[0]), len(s[0])
    n = nc + ns
    x, y = numpy.concatenate([c[0], s[0]]), numpy.concatenate([c[1], s[1]])
    arm = numpy.r_[numpy.ones(nc), numpy.zeros(ns)]
    design = numpy.column_stack([numpy.ones(n), arm, x - x.mean()])
    fit = sm.OLS(y, design).fit()
    weights = numpy.linalg.pinv(design)[1]
    parts = []
    for mask in (arm == 1, arm == 0):
        residual = fit.resid[mask] - fit.resid[mask].mean()
        variance = (residual**2).sum() / (mask.sum() - 1) * (n - 2) / (n - 3)
        parts.append((variance * (weights[mask] ** 2).sum(), mask.sum() - 1))
    return fit.params[2], fit.params[1], parts


def case(name, c, s, alpha=0.05):
    c, s = [tuple(numpy.asarray(v, float) for v in arm) for arm in (c, s)]
    arms, estimate, parts = within(c, s)
    slope, common, common_parts = pooled(c, s)
    unadjusted = welch(c[1], s[1], alpha)
    return {
        "name": name,
        "alpha": alpha,
        "candidate": {"x": c[0].tolist(), "y": c[1].tolist(), "theta": arms[0][0], "adjustedMean": arms[0][1]},
        "stable": {"x": s[0].tolist(), "y": s[1].tolist(), "theta": arms[1][0], "adjustedMean": arms[1][1]},
        "withinArm": t_test(estimate, parts, alpha),
        "pooled": {"theta": slope, **t_test(common, common_parts, alpha)},
        "unadjusted": unadjusted,
        "imbalance": welch(c[0], s[0], alpha),
    }


def units(n, slope, effect=0.0, noise=1.0, centre=0.0):
    x = centre + rng.normal(size=n)
    return x, effect + slope * (x - centre) + noise * rng.normal(size=n)


def fresh_case(name, c, s, alpha=0.05):
    """c and s: pairs with history and outcomes without. The estimate is that of the regression with imputed covariate,
    flag and interactions; the variance that of the two groups as strata."""
    (ck, cf), (sk, sf) = c, s
    x = numpy.concatenate([ck[0], sk[0]])
    rows = [(1, xv, 0, yv) for xv, yv in zip(*ck)] + [(1, x.mean(), 1, yv) for yv in cf]
    rows += [(0, xv, 0, yv) for xv, yv in zip(*sk)] + [(0, x.mean(), 1, yv) for yv in sf]
    arm, xi, flag, y = numpy.array(rows, float).T
    xc, fc = xi - xi.mean(), flag - flag.mean()
    design = numpy.column_stack([numpy.ones(len(y)), arm, xc, fc, arm * xc, arm * fc])
    estimate = sm.OLS(y, design).fit().params[1]
    share = flag.mean()
    _, known, parts = within(ck, sk)
    new = cf.mean() - sf.mean()
    assert numpy.isclose((1 - share) * known + share * new, estimate, rtol=1e-9)
    parts = [(v * (1 - share) ** 2, d) for v, d in parts]
    parts += [(v.var(ddof=1) / len(v) * share**2, len(v) - 1) for v in (cf, sf)]
    parts.append((share * (1 - share) * (known - new) ** 2 / len(y), len(y) - 1))
    arms = [{"x": k[0].tolist(), "y": k[1].tolist(), "fresh": f.tolist()} for k, f in ((ck, cf), (sk, sf))]
    return {
        "name": name,
        "alpha": alpha,
        "candidate": arms[0],
        "stable": arms[1],
        "freshShare": share,
        "result": t_test(estimate, parts, alpha),
    }


write(
    "cuped",
    {
        "comparisons": [
            case("a strong covariate", units(30, 2, 0.5, 0.5), units(30, 2, 0, 0.5)),
            case("slopes and sizes that differ", units(12, -1, 1), units(50, 3), 0.01),
            case("a useless covariate", units(20, 0), units(20, 0)),
            case("an imbalanced covariate", units(25, 1, 0, 1, 3), units(25, 1)),
            case("a covariate near 1e6", units(25, 1, 0, 1, 1e6), units(25, 1, 0, 1, 1e6)),
            case("four units each", ([1, 2, 3, 5], [2, 3, 5, 4]), ([1, 2, 2, 4], [1, 3, 2, 5])),
            case("a yes-or-no covariate with ties", ([0, 0, 1, 1, 1], [1, 0, 1, 2, 1]), ([0, 1, 0, 0, 1], [0, 0, 0, 1, 1])),
            case("a huge effect", units(40, 1, 1e6, 0.1), units(40, 1, 0, 0.1)),
        ],
        "withNewUnits": [
            fresh_case(
                "a third new", (units(20, 2, 1), rng.normal(3, 1, 10)), (units(20, 2), rng.normal(0, 1, 12))
            ),
            fresh_case("few known", (units(5, 1), rng.normal(0, 1, 40)), (units(6, 1), rng.normal(0, 2, 30)), 0.1),
        ],
    },
    libraries={"statsmodels": statsmodels.__version__},
)
