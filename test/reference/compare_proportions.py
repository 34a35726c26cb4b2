"""Reference cases for src/stats/compare-proportions.ts, computed in another way: mpmath with 50 digits, the supremum
under the null by a bounded search over both rates' boundary instead of a bisected derivative.

    pip install mpmath==1.3.0
    python test/reference/compare_proportions.py > test/reference/compare_proportions.json
"""

import json
import platform
import random

import mpmath as mp

mp.mp.dps = 50


def xlogy(x, y):
    return mp.mpf(0) if x == 0 else x * mp.log(y)


def log_likelihood(tally, rate):
    events, trials = tally
    return xlogy(events, rate) + xlogy(trials - events, 1 - rate)


def log_marginal(tally):
    events, trials = tally
    return mp.log(mp.beta(events + mp.mpf(1) / 2, trials - events + mp.mpf(1) / 2)) - mp.log(mp.pi)


def log_supremum(candidate, stable, delta):
    rate_c = mp.mpf(candidate[0]) / candidate[1]
    rate_s = mp.mpf(stable[0]) / stable[1]
    if rate_c <= rate_s + delta:
        return log_likelihood(candidate, rate_c) + log_likelihood(stable, rate_s)
    low, high = max(mp.mpf(0), -delta), min(mp.mpf(1), 1 - delta)

    def value(rate):
        return log_likelihood(candidate, min(mp.mpf(1), max(mp.mpf(0), rate + delta))) + log_likelihood(stable, rate)

    # Golden-section search: the log-likelihood is concave on the boundary.
    ratio = (mp.sqrt(5) - 1) / 2
    tiny = mp.mpf(10) ** -30
    a, b = low + tiny, high - tiny
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    fc, fd = value(c), value(d)
    for _ in range(140):
        if fc > fd:
            b, d, fd = d, c, fc
            c = b - ratio * (b - a)
            fc = value(c)
        else:
            a, c, fc = c, d, fd
            d = a + ratio * (b - a)
            fd = value(d)
    return max(fc, fd)


def log_evidence(strata, delta):
    delta = mp.mpf(delta)
    strata = [s for s in strata if s["candidate"][1] > 0 and s["stable"][1] > 0]
    count = len(strata)
    total = mp.mpf(1) / (count + 1)
    for k in range(1, count + 1):
        late = strata[k - 1 :]
        pooled = [sum(s[arm][i] for s in late) for arm in ("candidate", "stable") for i in (0, 1)]
        together = mp.e ** (log_marginal(pooled[:2]) + log_marginal(pooled[2:]))
        apart = mp.e ** sum(log_marginal(s["candidate"]) + log_marginal(s["stable"]) for s in late)
        supremum = mp.e ** sum(log_supremum(s["candidate"], s["stable"], delta) for s in late)
        total += (together + apart) / 2 / supremum / (k * (k + 1))
    return mp.log(total)


def mirrored(strata):
    return [{"candidate": s["stable"], "stable": s["candidate"]} for s in strata]


def estimate(strata):
    strata = [s for s in strata if s["candidate"][1] > 0 and s["stable"][1] > 0]
    weights = [mp.mpf(s["candidate"][1]) * s["stable"][1] / (s["candidate"][1] + s["stable"][1]) for s in strata]
    differences = [
        mp.mpf(s["candidate"][0]) / s["candidate"][1] - mp.mpf(s["stable"][0]) / s["stable"][1] for s in strata
    ]
    return sum(w * d for w, d in zip(weights, differences)) / sum(weights)


def case(strata, margin):
    return {
        "strata": strata,
        "margin": margin,
        "estimate": float(estimate(strata)),
        "logEvidenceAbove": float(log_evidence(strata, margin)),
        "logEvidenceBelow": float(log_evidence(mirrored(strata), -mp.mpf(margin))),
    }


def one(ce, cn, se, sn):
    return {"candidate": [ce, cn], "stable": [se, sn]}


def main():
    cases = [
        case([one(0, 1, 0, 1)], 0.01),
        case([one(1, 1, 0, 1)], 0.0),
        case([one(0, 50, 0, 950)], 0.005),
        case([one(5, 50, 0, 950)], 0.005),
        case([one(50, 50, 0, 950)], 0.005),
        case([one(50, 50, 950, 950)], 0.0),
        case([one(500_000, 50_000_000, 1_000_000, 100_000_000)], 0.0),
        case([one(500_500, 50_000_000, 1_000_000, 100_000_000)], 0.0),
        case([one(3, 100_000_000, 1, 100_000_000)], 0.0),
        case([one(10, 1000, 190, 19000), one(990, 18000, 110, 2000)], 0.01),
        case([one(1, 100, 10, 1000), one(0, 0, 5, 100), one(40, 200, 8, 200)], 0.02),
        case([one(2, 10, 1, 90), one(5, 30, 2, 70), one(20, 80, 9, 60), one(60, 100, 30, 100)], 0.02),
        case([one(3, 200, 40, 400)], -0.02),
    ]
    generator = random.Random(20261123)
    for _ in range(27):
        strata = []
        for _ in range(generator.randint(1, 4)):
            cn, sn = generator.randint(1, 400), generator.randint(1, 4000)
            rate = generator.random() ** 2
            ce = sum(generator.random() < min(1, rate * 1.4) for _ in range(cn))
            se = sum(generator.random() < rate for _ in range(sn))
            strata.append(one(ce, cn, se, sn))
        cases.append(case(strata, generator.choice([0.0, 0.005, 0.02, 0.1])))
    print(json.dumps({"python": platform.python_version(), "mpmath": mp.__version__, "cases": cases}, indent=1))


main()
