"""Reference values of src/stats/sequential/anytime-regression.ts: least squares by normal equations at 60 digits; the
mixture as the ratio of the residual sums of squares of the model without effect and of the one whose effect is shrunk
by the prior (an extra row of the data), limits by bisection."""

from mpmath import log, lu_solve, matrix, mp, mpf, sqrt

from support import write

mp.dps = 60
TIGHTEST = 2 * log(mpf(20)) + log(1 + 2 * log(mpf(20)))


def draw(seed, steps, covariates, level, effect):
    value, rows = seed, []

    def uniform():
        nonlocal value
        value = value * 48271 % 2147483647
        return value / 2147483647

    for _ in range(steps):
        xs = [round(3 * uniform(), 3) for _ in range(covariates)]
        treatment = 1 if uniform() < 0.4 else 0
        noise = sum(uniform() for _ in range(6)) - 3
        outcome = round(level + 2 * sum(xs) + effect * treatment + noise, 6)
        rows.append({"covariates": xs, "treatment": treatment, "outcome": outcome})
    return rows


def residual_squares(gram, fixed, y):
    """What is left of y' G y, y a combination of columns, after projection on the columns `fixed`."""
    inner = matrix([[gram[a, b] for b in fixed] for a in fixed])
    right = matrix([sum(gram[a, b] * y[b] for b in range(gram.cols)) for a in fixed])
    beta = lu_solve(inner, right)
    whole = sum(y[a] * gram[a, b] * y[b] for a in range(gram.rows) for b in range(gram.cols))
    return whole - (right.T * beta)[0], beta


def gram_of(rows):
    design = matrix([[1, *map(mpf, r["covariates"]), r["treatment"], mpf(r["outcome"])] for r in rows])
    return design.T * design


def evidence(gram, n, margin, tuned):
    size = gram.cols
    null, prior = list(range(size - 2)), mpf(tuned) / (4 * TIGHTEST)
    outcome = [mpf(0)] * (size - 2) + [-mpf(margin), mpf(1)]
    treated, _ = residual_squares(gram, null, [mpf(0)] * (size - 2) + [mpf(1), mpf(0)])
    free, _ = residual_squares(gram, null, outcome)
    # One more row (0, .., 0, sqrt(prior)) with an outcome of 0, so that y = outcome - margin treatment has none there.
    inner = gram[: size - 1, : size - 1]
    inner[size - 2, size - 2] += prior
    right = matrix([sum(gram[a, b] * outcome[b] for b in range(size)) for a in range(size - 1)])
    whole = sum(outcome[a] * gram[a, b] * outcome[b] for a in range(size) for b in range(size))
    shrunk = whole - (right.T * lu_solve(inner, right))[0]
    return log(prior / (prior + treated)) / 2 + mpf(n - size + 2) / 2 * log(free / shrunk)


def reference(rows, margin, alpha, tuned):
    gram, n = gram_of(rows), len(rows)
    size, threshold = gram.cols, -log(mpf(alpha))
    squares, beta = residual_squares(gram, list(range(size - 1)), [mpf(0)] * (size - 1) + [mpf(1)])
    treated, _ = residual_squares(gram, list(range(size - 2)), [mpf(0)] * (size - 2) + [mpf(1), mpf(0)])
    df = n - size + 1
    estimate, error = beta[size - 2], sqrt(squares / df / treated)

    def limit(sign):
        near, far = estimate, estimate + sign * error
        while evidence(gram, n, far, tuned) < threshold:
            far = estimate + 2 * (far - estimate)
        for _ in range(55):
            middle = (near + far) / 2
            if evidence(gram, n, middle, tuned) < threshold:
                near = middle
            else:
                far = middle
        return near

    return {
        "estimate": estimate,
        "standardError": error,
        "t": (estimate - mpf(margin)) / error,
        "df": df,
        "logEvidence": evidence(gram, n, margin, tuned),
        "lower": limit(-1),
        "upper": limit(1),
    }


CASES = [
    ("no covariate", draw(5, 40, 0, 0, 1), 0, 0.05, 500),
    ("one covariate", draw(11, 60, 1, 2, 0.5), 0, 0.05, 1000),
    ("three covariates", draw(2, 80, 3, -1, 0), 0.25, 0.01, 100),
    ("outcomes near 1e9", draw(17, 50, 1, 10**9, 1), 0, 0.05, 500),
]
write(
    "anytime_regression",
    {
        "regressions": [
            {
                "name": name,
                "rows": rows,
                "margin": margin,
                "alpha": alpha,
                "tunedFor": tuned,
                "expected": reference(rows, margin, alpha, tuned),
            }
            for name, rows, margin, alpha, tuned in CASES
        ]
    },
)
