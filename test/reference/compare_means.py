"""Reference values of src/stats/sequential/compare-means.ts: the mixture by quadrature over the drifts, the limits by
bisection of the evidence, at 40 digits."""

from mpmath import exp, findroot, log, mp, mpf, npdf, quad, sqrt

from support import write

mp.dps = 40
TIGHTEST = 2 * log(mpf(20)) + log(1 + 2 * log(mpf(20)))


def log_mixture(z, ratio):
    """log of the average of exp(theta z - theta^2 / 2) over theta > 0, half-normal with variance 1/ratio."""
    sd = 1 / sqrt(ratio)
    peak = z / (1 + ratio)
    width = 1 / sqrt(1 + ratio)
    top = max(peak, mpf(0))
    reference = top * z - top**2 / 2
    points = [mpf(0)] + [p for p in (peak + k * width for k in (-12, -6, -2, 0, 2, 6, 12, 20)) if p > 0]
    if z < 0:
        points = [k / max(-z, 1) for k in (0, 1, 3, 8, 20, 60, 150)]
    return log(quad(lambda t: 2 * npdf(t / sd) / sd * exp(t * z - t**2 / 2 - reference), points)) + reference


def lent(n, own, other):
    return max(own, own + mpf(300) / (n + 300) * (other - own))


def compare(strata, margin, scale, alpha, tuned_for):
    rows = []
    for s in strata:
        c, t = s["candidate"], s["stable"]
        if min(c["n"], t["n"]) < 30 or max(c["variance"], t["variance"]) == 0:
            continue
        nc, ns, vc, vs = mpf(c["n"]), mpf(t["n"]), mpf(c["variance"]), mpf(t["variance"])
        rows.append((nc * ns / (nc + ns), mpf(c["mean"]), mpf(t["mean"]), lent(nc, vc, vs) / nc, lent(ns, vs, vc) / ns))
    total = sum(r[0] for r in rows)
    ratio = mpf(tuned_for) / (TIGHTEST * 4 * total)

    def score(delta):
        if scale == "absolute":
            top = sum(w * (c - s - delta) for w, c, s, _, _ in rows)
            return top / sqrt(sum(w**2 * (vc + vs) for w, _, _, vc, vs in rows))
        top = sum(w * (c - (1 + delta) * s) for w, c, s, _, _ in rows)
        return top / sqrt(sum(w**2 * (vc + (1 + delta) ** 2 * vs) for w, _, _, vc, vs in rows))

    threshold = -log(mpf(alpha))
    bracket = (sqrt(2 * threshold * (1 + ratio)) / 2, 2 * sqrt((1 + ratio) * (2 * threshold + log(1 + 1 / ratio))))
    boundary = findroot(lambda z: log_mixture(z, ratio) - threshold, bracket, solver="anderson", tol=mpf(10) ** -30)
    candidate = sum(r[0] * r[1] for r in rows) / total
    stable = sum(r[0] * r[2] for r in rows) / total
    estimate = candidate - stable if scale == "absolute" else candidate / stable - 1
    variance = sum(r[0] ** 2 * (r[3] + (1 if scale == "absolute" else (1 + estimate) ** 2) * r[4]) for r in rows)
    se = sqrt(variance) / total / (1 if scale == "absolute" else stable)

    def limit(sign):
        step = boundary * se
        near, far = estimate, estimate + sign * step
        while abs(score(far)) < boundary:
            far = estimate + 2 * (far - estimate)
        for _ in range(110):
            middle = (near + far) / 2
            if abs(score(middle)) < boundary:
                near = middle
            else:
                far = middle
        return near

    z = score(mpf(margin))
    return {
        "estimate": estimate,
        "lower": limit(-1),
        "upper": limit(1),
        "logEvidenceAbove": log_mixture(z, ratio),
        "logEvidenceBelow": log_mixture(-z, ratio),
        "candidate": candidate,
        "stable": stable,
        "standardError": se,
        "strataUsed": len(rows),
    }


def arm(n, mean, variance):
    return {"n": n, "mean": mean, "variance": variance}


def stratum(candidate, stable):
    return {"candidate": arm(*candidate), "stable": arm(*stable)}


RAMP = [
    stratum((51, 10.4, 9), (4949, 10.1, 8.5)),
    stratum((260, 11.2, 9.4), (4740, 10.9, 9.1)),
    stratum((2470, 9.8, 8.8), (2530, 9.2, 8.2)),
]
CASES = [
    ("equal arms", [stratum((5000, 1, 1), (5000, 1, 1))], 0, "absolute", 0.05, 5000),
    ("equal arms, relative", [stratum((5000, 1, 1), (5000, 1, 1))], 0, "relative", 0.05, 5000),
    ("a ramp", RAMP, 0, "absolute", 0.05, 5000),
    ("a ramp, relative to a margin", RAMP, 0.1, "relative", 0.01, 5000),
    ("a ramp, tuned for more", RAMP, 0.1, "relative", 0.01, 1_000_000),
    ("a small stratum is left out", RAMP + [stratum((29, 100, 1), (1000, 1, 1))], 0, "absolute", 0.05, 5000),
    ("a stratum without variance is left out", RAMP + [stratum((500, 3, 0), (500, 1, 0))], 0, "absolute", 0.05, 5000),
    ("a stable arm without an error", [stratum((400, 0.05, 0.0476), (9600, 0, 0))], 0, "absolute", 0.001, 5000),
    ("means near 1e9", [stratum((1000, 1e9 + 0.25, 1), (1000, 1e9, 1))], 0, "absolute", 0.05, 5000),
    ("means near 1e9, relative", [stratum((1000, 1e9 + 0.25, 1), (1000, 1e9, 1))], 0, "relative", 0.05, 5000),
    ("1e8 clusters", [stratum((10**8, 0.04001, 0.0384), (10**8, 0.04, 0.0384))], 0, "relative", 0.05, 5000),
    ("far beyond doubt", [stratum((10**6, 3, 1), (10**6, 1, 1))], 0, "absolute", 1e-12, 5000),
    ("a candidate of another sign", [stratum((300, -2, 4), (700, 1, 2))], -0.5, "relative", 0.05, 5000),
    ("a stable mean barely above zero", [stratum((2000, 0.1, 1), (2000, 0.13, 1))], 0.5, "relative", 0.05, 5000),
    ("tuned for few", [stratum((200, 5, 3), (200, 5.5, 4))], -0.2, "absolute", 0.2, 100),
]
write(
    "compare_means",
    {
        "comparisons": [
            {
                "name": name,
                "strata": strata,
                "margin": margin,
                "scale": scale,
                "alpha": alpha,
                "tunedFor": tuned,
                "expected": compare(strata, margin, scale, alpha, tuned),
            }
            for name, strata, margin, scale, alpha, tuned in CASES
        ]
    },
)
