"""Reference values of src/stats/numerics/student.ts and beta-tail.ts: tails by mpmath quadrature, 50 digits."""

from mpmath import exp, findroot, log, loggamma, mp, mpf, quad, sqrt

from support import write

mp.dps = 50


def log_survival(t, df):
    """log P(T > t) by integrating exp(-a v) (1 - exp(-v))^(-1/2) over v > log(1 + t^2/df); no incomplete beta."""
    t, df = mpf(t), mpf(df)
    if t < 0:
        return log(1 - exp(log_survival(-t, df)))
    if t == 0:
        return -log(mpf(2))
    a, start = df / 2, mp.log1p(t * t / df)
    # The root at v = 0 is integrable but not smooth: v = w^2 removes it.
    density = lambda w: 2 * w * exp(-a * (w * w - start)) / sqrt(-mp.expm1(-w * w))
    edges = [sqrt(start + k / a) for k in (0, 1, 2, 4, 8, 16, 32, 64, 128)]
    tail = quad(density, edges)
    return -a * start + log(tail) + loggamma(a + mpf(1) / 2) - loggamma(a) - loggamma(mpf(1) / 2) - log(2)


def log_fisher(f, df1, df2):
    """log P(F > f) by quadrature of its density on a logarithmic scale."""
    f, df1, df2 = mpf(f), mpf(df1), mpf(df2)
    a, b = df1 / 2, df2 / 2
    log_beta = loggamma(a) + loggamma(b) - loggamma(a + b)
    # v = log(1 + df1 f / df2): the density is exp(-b v) (1 - exp(-v))^(a - 1) / B.
    start = mp.log1p(df1 * f / df2)
    log_density = lambda v: -b * v + (a - 1) * log(-mp.expm1(-v)) - log_beta
    mode = mp.log1p((a - 1) / b) if a > 1 else mpf(0)
    sd = sqrt(max(a, 1)) / b
    edges = [max(start, mode)]
    while log_density(edges[-1]) - log_density(edges[0]) > -130:
        edges.append(edges[-1] + sd)
    shift = log_density(edges[0])
    pieces = [start] + edges if start < mode else edges
    if start < mode:
        pieces = [start + (mode - start) * k / 16 for k in range(16)] + edges
    return shift + log(quad(lambda v: exp(log_density(v) - shift), pieces))


def upper_quantile(tail, df, start):
    return findroot(lambda t: log_survival(t, df) - log(mpf(tail)), (mpf(start) * 0.98, mpf(start) * 1.02))


def log_beta_lower(a, b, x, y):
    """log P(X <= x): the Beta density on the log-odds scale."""
    a, b, x, y = mpf(a), mpf(b), mpf(x), mpf(y)
    log_beta = loggamma(a) + loggamma(b) - loggamma(a + b)
    log_density = lambda w: -a * mp.log1p(exp(-w)) - b * mp.log1p(exp(w)) - log_beta
    start = log(x) - log(y)
    mode = log(a) - log(b)
    sd = sqrt(1 / a + 1 / b)
    top = min(start, mode)
    edges = [top]
    while log_density(edges[-1]) - log_density(top) > -130:
        edges.append(edges[-1] - sd)
    edges.reverse()
    while edges[-1] < start:
        edges.append(min(start, edges[-1] + sd))
    shift = log_density(top)
    return shift + log(quad(lambda w: exp(log_density(w) - shift), edges))


TAILS = [(0, 3), (1e-12, 1), (1e-9, 5), (0.5, 1), (0.5, 2.5), (1, 0.5), (2, 0.01), (1.7, 3), (1.75, 3), (2.571, 5)]
TAILS += [(12.706, 1), (-12.706, 1), (-1e-3, 7), (-3, 1e6), (1e5, 1), (1e5, 1.5), (30, 12), (300, 12.34), (1e200, 3)]
TAILS += [(1e-200, 3), (1e308, 1), (40, 1000), (1.7, 1e6), (9, 1e6), (30, 1e6), (100, 1e6), (1e4, 1e6), (10, 1e8)]
TAILS += [(0.01, 1e8), (60, 1e8), (1.96, 1e10), (5, 1e10), (1e4, 1e10), (3, 1e11), (38.5, 9e11), (1e5, 3.5), (1, 1e-3)]
FISHER = [(1, 1, 1), (4, 1, 10), (3.2, 2, 30), (0.01, 5, 7), (20, 2, 1e8), (1e3, 2, 1e8), (1.0005, 1e8, 1e8), (1e300, 2, 5)]
FISHER += [(1.02, 1e6, 1e6), (0.98, 1e6, 1e6), (2, 40, 1e10), (100, 40, 1e10), (5, 3.5, 0.7), (1e-8, 4, 9), (1.1, 1e8, 50)]
QUANTILES = [(0.025, 1, 12.7), (0.025, 2, 4.3), (0.025, 10, 2.228), (0.05, 4.32, 2.08), (0.4999, 9, 2.6e-4)]
QUANTILES += [(0.0005, 1e6, 3.29), (1e-300, 20, 5e15), (1e-12, 1e8, 7.03), (0.01, 1.5, 12.0), (1e-300, 1e9, 37.05)]
BETAS = [(3, 1e8, 1e-7, 1 - 1e-7), (1e8, 4, 1 - 1e-7, 1e-7), (5e7, 5e7, 0.5, 0.5), (5e7, 5e7, 0.4999, 0.5001)]
BETAS += [(5e7, 5e7, 0.4, 0.6), (5e7, 5e7, 0.5001, 0.4999), (1e5, 1e8, 9e-4, 0.9991), (1, 1e8, 1e-9, 1 - 1e-9)]
BETAS += [(0.5, 1e12, 1e-12, 1 - 1e-12), (1e12, 0.5, 1 - 1e-10, 1e-10), (1, 1, 0.25, 0.75), (2, 3, 0.01, 0.99)]


if __name__ == "__main__":
    write(
        "student",
        {
            "logStudentSurvival": [[t, df, log_survival(t, df)] for t, df in TAILS],
            "logFisherSurvival": [[f, a, b, log_fisher(f, a, b)] for f, a, b in FISHER],
            "studentUpperQuantile": [[p, df, upper_quantile(p, df, start)] for p, df, start in QUANTILES],
            "logBetaLower": [[a, b, x, y, log_beta_lower(a, b, x, y)] for a, b, x, y in BETAS],
        },
    )
