"""Reference values of src/stats/summaries/joint-moments.ts: sums in exact rational arithmetic."""

from fractions import Fraction

import numpy
from support import write

rng = numpy.random.default_rng(20240501)


def exact(name, x, y):
    xs, ys = [Fraction(v) for v in x], [Fraction(v) for v in y]
    n = len(xs)
    mx, my = (sum(xs) / n, sum(ys) / n) if n else (Fraction(0), Fraction(0))
    return {
        "name": name,
        "x": list(map(float, x)),
        "y": list(map(float, y)),
        "meanX": float(mx),
        "meanY": float(my),
        "m2X": float(sum((v - mx) ** 2 for v in xs)),
        "m2Y": float(sum((v - my) ** 2 for v in ys)),
        "coXY": float(sum((v - mx) * (w - my) for v, w in zip(xs, ys))),
    }


small = rng.normal(size=20)
write(
    "joint_moments",
    {
        "sets": [
            exact("no pairs", [], []),
            exact("one pair", [3.5], [-2]),
            exact("whole numbers", [1, 2, 3, 4], [2, 1, 4, 3]),
            exact("means near 1e9, spread 1", 1e9 + small, 1e9 - small + rng.normal(size=20)),
            exact("a constant x", [7.25] * 5, [1, 2, 3, 4, 5]),
            exact("both constant", [0.1] * 7, [0.2] * 7),
            exact("an exact line", small, 3 * small),
            exact("values of 1e150 and of 1e-150", [1e150, 2e150, 4e150], [1e-150, 3e-150, 2e-150]),
            exact("ties and zeros", [0, 0, 1, 0, 1, 1], [0, 5, 5, 0, 0, 5]),
        ]
    },
)
