"""
Regret of plain Thompson sampling (a numpy Beta draw for every arm in every round, no batches, uniform prior) on the
rates (0.04, 0.05, 0.06): the mean over replications and its standard error at some rounds, for bench/bandit-regret.ts
and test/stats/bandit-regret.test.ts. Takes about two minutes.
"""

import numpy

from support import write

RATES = numpy.array([0.04, 0.05, 0.06])
REPLICATIONS = 1000
CHECKPOINTS = [1_000, 10_000, 100_000]


def regrets(seed):
    random = numpy.random.default_rng(seed)
    wins = numpy.ones((REPLICATIONS, len(RATES)))
    losses = numpy.ones((REPLICATIONS, len(RATES)))
    rows = numpy.arange(REPLICATIONS)
    gaps = RATES.max() - RATES
    total = numpy.zeros(REPLICATIONS)
    found = []
    for number in range(1, max(CHECKPOINTS) + 1):
        arms = random.beta(wins, losses).argmax(axis=1)
        rewards = random.random(REPLICATIONS) < RATES[arms]
        wins[rows, arms] += rewards
        losses[rows, arms] += ~rewards
        total += gaps[arms]
        if number in CHECKPOINTS:
            error = total.std(ddof=1) / numpy.sqrt(REPLICATIONS)
            found.append(
                {
                    "rounds": number,
                    "replications": REPLICATIONS,
                    "mean": float(total.mean()),
                    "standardError": float(error),
                    "deviation": float(total.std(ddof=1)),
                }
            )
    return found


if __name__ == "__main__":
    write("bandit_regret", {"thompson": regrets(20_250_301)})
