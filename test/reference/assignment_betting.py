"""Reference values of src/stats/sequential/assignment-betting.ts: the products as defined, as exact fractions."""

from fractions import Fraction

from mpmath import log, mp, mpf

from support import write

mp.dps = 40


def draw(seed, steps, arms):
    """A plain multiplicative generator, so that the sequence is the same everywhere."""
    value = seed
    rows = []
    for step in range(steps):
        value = value * 48271 % 2147483647
        shares = [1 + (value // 7 ** k) % 9 for k in range(arms)]
        total = sum(shares)
        value = value * 48271 % 2147483647
        point = Fraction(value, 2147483647) * total
        arm = next(k for k in range(arms) if point < sum(shares[: k + 1]))
        value = value * 48271 % 2147483647
        event = value % 100 < 10 + 15 * arm
        rows.append({"arm": arm, "shares": shares, "event": event})
    return rows


def evidence(rows, arms):
    counts = [[0, 0] for _ in range(arms)]
    products = [[Fraction(1)] * arms for _ in range(arms)]
    for row in rows:
        rate = [Fraction(2 * e + 1, 2 * (t + 1)) for e, t in counts]
        w = row["arm"]
        for a in range(arms):
            for b in range(arms):
                if a == b or w not in (a, b) or rate[a] <= rate[b]:
                    continue
                pi = Fraction(row["shares"][a], row["shares"][a] + row["shares"][b])
                mixed = pi * rate[a] + (1 - pi) * rate[b]
                products[a][b] *= rate[w] / mixed if row["event"] else (1 - rate[w]) / (1 - mixed)
        counts[w][0] += row["event"]
        counts[w][1] += 1
    return [[log(mpf(p.numerator)) - log(mpf(p.denominator)) for p in line] for line in products]


CASES = [(1, 1, 2), (7, 40, 2), (11, 300, 2), (12345, 300, 3), (99, 120, 5)]
write(
    "assignment_betting",
    {
        "sequences": [
            {"arms": arms, "rows": (rows := draw(seed, steps, arms)), "logExcess": evidence(rows, arms)}
            for seed, steps, arms in CASES
        ]
    },
)
