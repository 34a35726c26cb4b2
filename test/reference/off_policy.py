"""Reference values of src/stats/off-policy with mpmath at 40 digits, from the definitions, on rows made by a formula."""

from mpmath import diff, exp, findroot, log, mp, mpf, npdf, quad, sqrt

from support import write

mp.dps = 40


def uniform(index, step):
    return (index * step + 17) % 10007 / 10007


def row(index, spread, offset, scale):
    """The same doubles as `row` of the test."""
    logging = 0.2 + 0.7 * uniform(index, 7919)
    evaluation = min(1, logging * (1 - spread + 2 * spread * uniform(index, 3571)))
    reward = offset + scale * (uniform(index, 2389) + uniform(index, 3571))
    modelled = offset + scale * (0.4 + 0.7 * uniform(index, 3571))
    value = offset + scale * (0.8 + 0.3 * uniform(index, 4993))
    return logging, evaluation, reward, modelled, value


def mean(values):
    return sum(values) / len(values)


def overlap(w):
    n = len(w)
    average = mean(w)
    return {
        "rows": n,
        "effectiveRows": sum(w) ** 2 / sum(x * x for x in w),
        "meanWeight": average,
        "meanWeightError": sqrt(sum((x - average) ** 2 for x in w) / (n - 1) / n),
        "greatestShare": max(w) / sum(w),
    }


def from_influences(estimate, influences):
    n = len(influences)
    centre = mean(influences)
    return estimate, sqrt(sum((x - centre) ** 2 for x in influences) / (n - 1) / n)


def plain_mean(terms):
    return from_influences(mean(terms), terms)


def ratio(dm, w, e):
    """The influence of a row by numerical differentiation of mean(dm) + sum(w e) / sum(w) in the mass of that row."""
    n = len(w)
    sum_dm, sum_we, sum_w = sum(dm), sum(x * y for x, y in zip(w, e)), sum(w)

    def estimate(mass, i):
        return (sum_dm + mass * dm[i]) / (n + mass) + (sum_we + mass * w[i] * e[i]) / (sum_w + mass * w[i])

    value = estimate(0, 0)
    return from_influences(value, [n * diff(lambda mass: estimate(mass, i), 0) for i in range(n)])


def estimates(case, lambdas):
    rows = [tuple(map(mpf, row(i, case["spread"], case["offset"], case["scale"]))) for i in range(case["rows"])]
    # The weight is the double that the division of two doubles gives.
    w = [mpf(float(e) / float(b)) for b, e, *_ in rows]
    r, q, dm = ([x[k] for x in rows] for k in (2, 3, 4))
    residual = [x - y for x, y in zip(r, q)]
    found = {
        "ips": plain_mean([a * b for a, b in zip(w, r)]),
        "snips": ratio([mpf(0)] * len(w), w, r),
        "dr": plain_mean([d + a * e for d, a, e in zip(dm, w, residual)]),
        "sndr": ratio(dm, w, residual),
    }
    for lam in lambdas:
        found[f"switch {lam}"] = plain_mean([d + (a * e if a <= lam else 0) for d, a, e in zip(dm, w, residual)])
        shrunk = [lam * a / (a * a + lam) for a in w]
        found[f"dros {lam}"] = plain_mean([d + a * e for d, a, e in zip(dm, shrunk, residual)])
    return [
        {
            **case,
            "kind": name.split()[0],
            "lambda": float(name.split()[1]) if " " in name else None,
            "estimate": value,
            "standardError": error,
            "overlap": overlap(w),
        }
        for name, (value, error) in found.items()
    ]


CASES = [
    ({"rows": 400, "spread": 0.0, "offset": 0.0, "scale": 1.0}, [2]),
    ({"rows": 400, "spread": 0.9, "offset": 0.0, "scale": 1.0}, [0.5, 1.5, 1000]),
    ({"rows": 300, "spread": 0.5, "offset": 1e9, "scale": 1.0}, [1.2]),
    ({"rows": 300, "spread": 0.5, "offset": -3.0, "scale": 1e-8}, [1.2]),
]


def half_width(v, m, alpha):
    """Where the normal mixture of likelihood ratios exp(l s - l^2 v / 2) over l ~ N(0, 1 / m) reaches 1 / alpha."""

    def excess(s):
        integrand = lambda l: exp(l * s - l * l * v / 2) * npdf(l, 0, 1 / sqrt(m))
        peak, width = s / (v + m), 1 / sqrt(v + m)
        points = [peak + k * width for k in (-14, -7, -3, 0, 3, 7, 14)]
        return log(quad(integrand, points)) + log(alpha)

    return findroot(excess, sqrt((v + m) * (log(1 + v / m) - 2 * log(alpha))) * mpf("1.01"))


def anytime(case, alpha, planned, burn_in):
    mp.dps = 25
    rows = [tuple(map(mpf, row(i, case["spread"], case["offset"], case["scale"]))) for i in range(case["rows"])]
    x = [dm + mpf(float(e) / float(b)) * (r - q) for b, e, r, q, dm in rows]
    start = x[:burn_in]
    variance = sum((y - mean(start)) ** 2 for y in start) / burn_in
    log_terms = -2 * log(mpf(alpha))
    m = planned * variance / (log_terms + log(1 + log_terms))
    v = sum((y - mean(x)) ** 2 for y in x)
    width = half_width(v, m, mpf(alpha)) / len(x)
    result = {**case, "alpha": alpha, "plannedRows": planned, "burnInRows": burn_in}
    return {**result, "estimate": mean(x), "halfWidth": width}


SPREAD = {"spread": 0.9, "offset": 0.0, "scale": 1.0}
write(
    "off_policy",
    {
        "estimates": [line for case, lambdas in CASES for line in estimates(case, lambdas)],
        "anytime": [
            anytime({"rows": 200, **SPREAD}, 0.05, 1000, 100),
            anytime({"rows": 1000, **SPREAD}, 0.05, 1000, 150),
            anytime({"rows": 400, **SPREAD}, 1e-6, 100000, 100),
            anytime({"rows": 300, "spread": 0.5, "offset": 1e9, "scale": 1.0}, 0.01, 300, 100),
        ],
    },
)
