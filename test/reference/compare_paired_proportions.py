# Reference cases for comparePairedProportions: the mixture over stakes in 60-digit decimal arithmetic.
import json
from decimal import Decimal, getcontext

getcontext().prec = 60
STAKES = [Decimal("0.9") * (Decimal(2) / Decimal(3)) ** j for j in range(24)]


def log_evidence_of_less(pairs, harms, benefits, mean):
    mean = Decimal(repr(mean))
    ties = pairs - harms - benefits
    rest = 1 - mean
    total = sum(
        ((1 - s).ln() * harms + (1 + s * mean / rest).ln() * ties + (1 + s * (1 + mean) / rest).ln() * benefits).exp()
        for s in STAKES
    )
    return float((total / 24).ln())


CASES = [
    (2000, 10, 10, 0.01),
    (2000, 100, 10, 0.01),
    (300, 5, 30, 0.0),
    (600, 0, 0, 0.01),
    (50000, 900, 1100, 0.002),
    (1, 1, 0, 0.05),
    (12, 0, 12, -0.2),
    (1000000, 20000, 20000, 0.0005),
]

print(
    json.dumps(
        {
            "versions": {"python": "3, decimal at 60 digits"},
            "comparisons": [
                {
                    "pairs": n,
                    "onlyCandidate": b,
                    "onlyStable": c,
                    "margin": m,
                    "logEvidenceBelow": log_evidence_of_less(n, b, c, m),
                    "logEvidenceAbove": log_evidence_of_less(n, c, b, -m),
                }
                for n, b, c, m in CASES
            ],
        },
        indent=2,
    )
)
