"""Reference values of src/stats/numerics/special.ts, computed with mpmath at 60 digits."""

from mpmath import beta, betainc, erfc, findroot, log, loggamma, mp, mpf, ncdf, sqrt

from support import write

mp.dps = 60

ARGUMENTS = [1e-300, 1e-9, 0.003, 0.1, 0.25, 0.4999, 0.5, 0.75, 0.999, 1.001, 1.25, 1.4999, 1.5, 1.75, 1.9999, 2.0001]
ARGUMENTS += [2.4999, 2.5, 3, 4.5, 7.123, 9.9999, 10, 10.5, 17.25, 100.5, 12345.678, 1e6 + 0.5, 1e8, 1e8 + 0.5, 1e15]
PAIRS = [(0.5, 0.5), (1e-9, 3), (0.12, 199.88), (0.5, 1e8), (2.5, 1e8 + 0.5), (9.99, 10.01), (10, 10), (12.5, 1e8)]
PAIRS += [(1e4, 1e8), (1e8, 1e8), (5e7 + 0.5, 5e7 + 0.5), (3, 4), (199.5, 0.5), (1e8 + 0.12, 199.88), (1e12, 0.5)]
DIVERGENCES = [(0, 10, 0.1), (10, 0, 0.1), (3, 7, 0.3), (3, 7, 0.31), (0, 10**8, 1e-9), (40000, 99960000, 4.01e-4)]
DIVERGENCES += [(5 * 10**7, 5 * 10**7, 0.50001), (10**8, 0, 0.999999), (1, 10**8 - 1, 0.5), (123, 456, 1e-12)]
POINTS = [-30, -8, -3, -1.2, -0.5, -1e-9, 0, 1e-9, 0.3, 0.99, 1.5, 1.999, 2, 2.001, 3, 5, 10, 20, 26]
LEVELS = [1e-300, 1e-100, 1e-20, 1e-9, 1e-4, 0.01, 0.025, 0.05, 0.07501, 0.1, 0.3, 0.5, 0.6, 0.9, 0.925, 0.975, 0.999]
LEVELS += [1 - 1e-9]
INCOMPLETE = [(0.5, 0.5, 0.5), (0.1, 0.5, 0.5), (0.99, 50, 0.5), (0.99, 1050.5, 3.5), (0.01, 3.5, 1050.5), (1e-9, 2, 3)]
INCOMPLETE += [(0.3, 1e-3, 5), (0.5, 1e6, 1e6), (0.5005, 1e6, 1e6), (0.99, 9.9e7, 1e6), (0.98995, 9.9e7, 1e6)]
INCOMPLETE += [(0.9901, 9.9e7, 1e6), (0.9, 10, 0.01), (0.999, 200, 0.3), (0.2, 400, 3), (0.5, 5e7, 5e7)]


def incomplete(x, a, b):
    """I_x(a, b) by quadrature of the density, scaled by its mode; mpmath's own series fails at 1e8."""
    x, a, b = mpf(x), mpf(a), mpf(b)
    if a + b < 3000:
        return betainc(a, b, 0, x, regularized=True)
    n = a + b
    sd = sqrt(a * b / n**3)
    log_density = lambda t: (a - 1) * log(t) + (b - 1) * log(1 - t) + loggamma(n) - loggamma(a) - loggamma(b)
    upper = x > a / n
    step = sd if not upper else -sd
    # Integrate away from x, on the side of the smaller tail, in pieces of one standard deviation.
    edge = mpf(1) if upper else mpf(0)
    pieces = [x]
    while len(pieces) < 60 and 0 < pieces[-1] - step < 1:
        pieces.append(pieces[-1] - step)
    if len(pieces) < 60:
        pieces.append(edge)
    tail = abs(mp.quad(lambda t: mp.exp(log_density(t)), pieces))
    return 1 - tail if upper else tail


def normal_quantile(p):
    p = mpf(p)
    tail = min(p, 1 - p)
    start = sqrt(-2 * log(tail)) if tail < 0.1 else mpf("0.5")
    z = findroot(lambda t: log(ncdf(-t)) - log(tail), start)
    return -z if p < 0.5 else z


def divergence(s, f, p):
    s, f, p = mpf(s), mpf(f), mpf(p)
    part = lambda k, q: k * log(k / ((s + f) * q)) if k else mpf(0)
    return part(s, p) + part(f, 1 - p)


write(
    "special_functions",
    {
        "logGamma": [[x, loggamma(mpf(x))] for x in ARGUMENTS],
        "logBeta": [[a, b, log(beta(mpf(a), mpf(b)))] for a, b in PAIRS],
        "binomialDivergence": [[s, f, p, divergence(s, f, p)] for s, f, p in DIVERGENCES],
        "erfc": [[x, erfc(mpf(x))] for x in POINTS],
        "logNormalSurvival": [[x, log(ncdf(-mpf(x)))] for x in POINTS + [38, 100, 1e6]],
        "normalQuantile": [[p, normal_quantile(p)] for p in LEVELS],
        "logRegularizedIncompleteBeta": [[x, a, b, log(incomplete(x, a, b))] for x, a, b in INCOMPLETE],
    },
)
