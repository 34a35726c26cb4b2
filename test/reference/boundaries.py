"""Reference values of src/stats/sequential/boundaries.ts: mixtures by quadrature over the drift, bounds by root
finding, the stitched bound by mpmath's zeta function, at 20 digits."""

from mpmath import exp, findroot, gammainc, log, mp, mpf, npdf, pi, quad, sqrt, zeta

from support import write

mp.dps = 20


def best(tuned, alpha):
    twice = 2 * log(1 / mpf(alpha))
    return mpf(tuned) / (twice + log(1 + twice))


def root(function, threshold, high):
    return findroot(lambda s: function(s) - threshold, (high / 100, high), solver="anderson", tol=mpf(10) ** -28)


def normal(v, tuned, alpha, sides):
    v = mpf(v)
    r = best(tuned, alpha * (2 if sides == 1 else 1))

    def log_mixture(s):
        peak, width = s / (v + r), 1 / sqrt(v + r)
        points = [peak + k * width for k in (-30, -8, -3, 0, 3, 8, 30)]
        if sides == 1:
            points = [mpf(0)] + [p for p in points if p > 0]
        density = lambda t: sqrt(r / (2 * pi)) * (3 - sides) * exp(t * s - t * t * (v + r) / 2 - s * s / (2 * (v + r)))
        return log(quad(density, points)) + s * s / (2 * (v + r))

    return root(log_mixture, -log(mpf(alpha)), 12 * sqrt(v + r))


def gamma_exponential(v, tuned, c, alpha):
    """Drifts l in [0, 1/c): u = 1 - c l has the density of a Gamma(b, b) variable restricted to [0, 1]."""
    v, c = mpf(v), mpf(c)
    b = best(tuned, 2 * alpha) / c**2

    def log_mixture(s):
        # exp(l s - psi(l) v) u^(b-1) exp(-b u) with psi = (-log u - (1 - u)) / c^2.
        exponent = lambda u: (1 - u) * s / c + (log(u) + 1 - u) * v / c**2 + (b - 1) * log(u) - b * u
        shape, decay = v / c**2 + b, s / c + v / c**2 + b
        peak = min(mpf(1), (shape - 1) / decay) if shape > 1 else mpf(10) ** -6
        width = sqrt(shape) / decay
        points = sorted({mpf(0), mpf(1), *[p for k in (-25, -10, -4, 0, 4, 10, 25) if 0 < (p := peak + k * width) < 1]})
        top = exponent(peak)
        # u = y^(1/b) takes the pole at 0 away where b < 1.
        power = max(1, 1 / b)
        density = lambda y: exp(exponent(y**power) - top) * power * y ** (power - 1) if y > 0 else mpf(0)
        total = quad(density, [point ** (1 / power) for point in points])
        return log(total) + top - log(gammainc(b, 0, b) / b**b)

    return root(log_mixture, -log(mpf(alpha)), 12 * sqrt(v + b * c**2) + 40 * c)


def stitched(v, start, c, alpha, power, growth):
    v, c, power, growth = max(mpf(v), mpf(start)), mpf(c), mpf(power), mpf(growth)
    level = power * log(log(growth * v / start)) + log(zeta(power) / (mpf(alpha) * log(growth) ** power))
    k1, k2 = (growth ** (mpf(1) / 4) + growth ** (-mpf(1) / 4)) / sqrt(mpf(2)), (sqrt(growth) + 1) / 2
    return sqrt(k1**2 * v * level + k2**2 * c**2 * level**2) + k2 * c * level


NORMAL = [(100, 100, 0.05), (1e-3, 100, 0.01), (1e8, 100, 0.05), (5000, 5000, 1e-6)]
EXPONENTIAL = [(100, 100, 2, 0.05), (1000, 100, 0.5, 0.01), (3, 100, 10, 0.05), (50, 5, 1, 0.2), (1e5, 1e4, 1, 0.001)]
STITCHED = [
    (100, 10, 3, 0.05, 1.4, 2),
    (100, 10, -1, 0.05, 1.4, 2),
    (1, 10, 0, 0.01, 1.4, 2),
    (1e12, 1, 0, 0.05, 1.1, 4),
]
write(
    "boundaries",
    {
        "normal": [
            {"v": v, "tunedFor": t, "alpha": a, "sides": s, "bound": normal(v, t, a, s)}
            for v, t, a in NORMAL
            for s in (1, 2)
        ],
        "gammaExponential": [
            {"v": v, "tunedFor": t, "scale": c, "alpha": a, "bound": gamma_exponential(v, t, c, a)}
            for v, t, c, a in EXPONENTIAL
        ],
        "polyStitching": [
            {"v": v, "start": m, "scale": c, "alpha": a, "power": s, "growth": g, "bound": stitched(v, m, c, a, s, g)}
            for v, m, c, a, s, g in STITCHED
        ],
    },
)
