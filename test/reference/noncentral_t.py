"""Reference values of src/stats/numerics/noncentral-t.ts and quadrature.ts: the noncentral t tail by mpmath's quadrature
over the chi variable (tanh-sinh, 40 digits), checked against scipy where that is accurate."""

from mpmath import erf, erfc, exp, log, loggamma, mp, mpf, quad, sqrt
from scipy import stats
from support import write

mp.dps = 40


def survival(t, df, delta):
    t, df, delta = mpf(t), mpf(df), mpf(delta)
    scale = df / 2 * log(df / 2) - loggamma(df / 2) + log(mpf(2))
    f = lambda s: exp(scale + (df - 1) * log(s) - df * s * s / 2) * erfc((t * s - delta) / sqrt(mpf(2))) / 2
    sd = 1 / sqrt(2 * df)
    points = {mpf(0), mpf(1)} | {1 + k * sd for k in (-20, -12, -8, -4, -2, 2, 4, 8, 12, 20, 30)}
    if t != 0:
        points |= {(delta + z) / t for z in (-12, -6, -3, 0, 3, 6, 12)}
    points = sorted(p for p in points if 0 <= p <= max(1 + 40 * sd, mpf(12)))
    return quad(f, points + [points[-1] + 60 * max(sd, mpf(1) / 4)])


CASES = [(2.086, 20, 0), (0, 5, 1.5), (1.979, 126, 2.828), (2.024, 38, 3.162), (12.706, 1, 3), (2, 1.5, -1), (-2, 3, 1)]
CASES += [(4.303, 2, 5), (1.96, 1e4, 2.8), (1.96, 1e8, 2.8), (30, 4, 25), (300, 10, 280), (5, 50, -3), (2.5, 7.3, 9)]
CASES += [(63.66, 1, 0.5), (1, 0.7, 0.2), (2, 1000, 40), (200, 2, 3)]


def row(t, df, delta):
    value = survival(t, df, delta)
    if value > 1e-6:
        assert abs(stats.nct.sf(t, df, delta) - float(value)) < 1e-8, (t, df, delta, value, stats.nct.sf(t, df, delta))
    return [t, df, delta, value]


write(
    "noncentral_t",
    {
        "survival": [row(*case) for case in CASES],
        "integrals": [
            ["exp", 0, 1, 1, exp(mpf(1)) - 1],
            ["exp", -30, 0, 8, 1 - exp(mpf(-30))],
            ["sin", 0, 3, 1, 1 - mp.cos(3)],
            ["normal", -9, 9, 4, erf(9 / sqrt(mpf(2)))],
            ["power63", 0, 1, 1, mpf(1) / 64],
            ["power63", -1, 1, 1, 0],
            ["cauchy", -4, 4, 16, 2 * mp.atan(4)],
        ],
    },
)
