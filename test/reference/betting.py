"""Reference values of src/stats/sequential/betting.ts and empirical-bernstein.ts: the products and sums as the paper
defines them, on whole sequences, at 30 digits."""

from mpmath import log, mp, mpf, sqrt

from support import write

mp.dps = 30


def draw(seed, steps, kind):
    value, xs = seed, []
    for _ in range(steps):
        value = value * 48271 % 2147483647
        u = value / 2147483647
        xs.append({"uniform": round(u, 6), "rare": 1 if u < 0.05 else 0, "constant": 0.25, "low": round(u**4, 6)}[kind])
    return xs


def bets(xs, alpha):
    """For t = 1 .. n: the bet before x_t, and the regularised mean before it."""
    result = []
    total, squares = mpf(0), mpf(0)
    for index, x in enumerate(xs):
        t = index + 1
        variance = (mpf(1) / 4 + squares) / t
        result.append((sqrt(2 * log(2 / mpf(alpha)) / (variance * t * log(1 + mpf(t)))), (mpf(1) / 2 + total) / t))
        total += x
        squares += (x - (mpf(1) / 2 + total) / (t + 1)) ** 2
    return result


def capital(xs, plan, m, sign):
    m = mpf(m)
    room = m if sign > 0 else 1 - m
    result, greatest = mpf(0), mpf(0)
    for x, (bet, _) in zip(xs, plan):
        result += log(1 + sign * (min(bet, 1 / (2 * room)) if room > 0 else bet) * (x - m))
        greatest = max(greatest, result)
    return result, greatest


def hedged(xs, alpha, candidates):
    plan = bets(xs, alpha)
    grid = [mpf(k) / (candidates - 1) for k in range(candidates)]
    threshold = log(2 / mpf(alpha))
    above = [capital(xs, plan, m, 1) for m in grid]
    below = [capital(xs, plan, m, -1) for m in grid]
    lower = max([m for m, (_, top) in zip(grid, above) if top >= threshold], default=mpf(0))
    upper = min([m for m, (_, top) in zip(grid, below) if top >= threshold], default=mpf(1))
    return {"lower": lower, "upper": upper, "logAbove": [a for a, _ in above], "logBelow": [b for b, _ in below]}


def bernstein(xs, alpha):
    lower, upper, weight, weighted, cost = mpf(0), mpf(1), mpf(0), mpf(0), mpf(0)
    for x, (bet, mean) in zip(xs, bets(xs, alpha)):
        bet = min(bet, mpf(1) / 2)
        weight += bet
        weighted += bet * x
        # v psi_E(l) with v = 4 (x - mean)^2 and psi_E(l) = (-log(1 - l) - l) / 4.
        cost += 4 * (x - mean) ** 2 * (-log(1 - bet) - bet) / 4
        half = (log(2 / mpf(alpha)) + cost) / weight
        lower, upper = max(lower, weighted / weight - half), min(upper, weighted / weight + half)
    return {"lower": lower, "upper": upper}


CASES = [
    (1, 1, "uniform", 0.05),
    (7, 300, "uniform", 0.05),
    (3, 400, "rare", 0.01),
    (5, 200, "constant", 0.05),
    (9, 300, "low", 0.2),
]
write(
    "betting",
    {
        "sequences": [
            {
                "kind": kind,
                "alpha": alpha,
                "values": (xs := draw(seed, steps, kind)),
                "betting": hedged(xs, alpha, 21),
                "bernstein": bernstein(xs, alpha),
            }
            for seed, steps, kind, alpha in CASES
        ]
    },
)
