"""Reference values of src/stats/sequential/msprt.ts: the likelihood ratio integrated over effects by quadrature, limits
by root finding, and the closed form in use elsewhere, at 40 digits."""

from mpmath import exp, findroot, log, mp, mpf, pi, quad, sqrt

from support import write

mp.dps = 40


def log_ratio(d, variance, tau2, sides):
    """log of the average of N(d; m, V) / N(d; 0, V) over effects m, normal with variance tau2, or over its half above 0."""
    peak = d * tau2 / (tau2 + variance)
    width = sqrt(tau2 * variance / (tau2 + variance))
    exponent = lambda m: (m * d - m * m / 2) / variance - m * m / 2 / tau2
    points = [peak + k * width for k in (-20, -12, -8, -5, -2, 0, 2, 5, 8, 12, 20)]
    if sides == 1 and peak > 0:
        points = [mpf(0)] + [p for p in points if p > 0]
    elif sides == 1:
        step = min(width, variance / max(-d, variance))
        points = [k * step for k in (0, 1, 4, 12, 40, 100)]
    top = exponent(max(peak, 0) if sides == 1 else peak)
    return log(quad(lambda m: exp(exponent(m) - top), points) * (3 - sides) / sqrt(2 * pi * tau2)) + top


def reference(estimate, variance, tau2, alpha, sides):
    d, v, t = mpf(estimate), mpf(variance), mpf(tau2)
    threshold = -log(mpf(alpha))
    guess = sqrt(v * (1 + v / t) * (2 * threshold + log(1 + t / v)))
    excess = lambda x: log_ratio(x, v, t, sides) - threshold
    half = findroot(excess, (guess / 3, guess * 2), solver="anderson", tol=mpf(10) ** -28)
    return {"logEvidence": log_ratio(d, v, t, sides), "halfWidth": half}


def rho_squared(alpha, tuned):
    a = mpf(alpha)
    return (-2 * log(a) + log(1 - 2 * log(a))) / tuned


def closed_form(variance, n, alpha, tuned, sides):
    square = rho_squared(alpha * (2 if sides == 1 else 1), tuned)
    grown = n * square + 1
    inner = log(sqrt(grown) / mpf(alpha)) if sides == 2 else log(1 + sqrt(grown) / (2 * mpf(alpha)))
    return sqrt(mpf(variance) * n) * sqrt(2 * grown / (n * n * square) * inner)


TESTS = [(0.3, 0.01, 0.04, 0.05), (0, 1, 1, 0.05), (-2.5, 0.2, 5, 0.01), (0.001, 1e-8, 1e-4, 0.001), (40, 1, 1, 0.05)]
SEQUENCES = [
    (0.01, 1e-5, 10_000, 0.05, 5000),
    (-0.2, 0.004, 400, 0.01, 5000),
    (5.5, 1.3, 100, 0.001, 100_000),
    (1e9, 0.3, 10**8, 0.05, 5000),
    (0.5, 0.06, 1, 0.2, 5000),
]
write(
    "msprt",
    {
        "tests": [
            {"estimate": d, "variance": v, "tau2": t, "alpha": a, **reference(d, v, t, a, 2)} for d, v, t, a in TESTS
        ],
        "sequences": [
            {
                "estimate": d,
                "variance": v,
                "n": n,
                "alpha": a,
                "tunedFor": tuned,
                "sides": sides,
                "rhoSquared": (square := rho_squared(a * (2 if sides == 1 else 1), tuned)),
                "closedForm": closed_form(v, n, a, tuned, sides),
                **reference(d, v, square * n * mpf(v), a, sides),
            }
            for d, v, n, a, tuned in SEQUENCES
            for sides in (1, 2)
        ],
    },
)
