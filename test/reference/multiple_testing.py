"""Reference values of src/stats/fixed/multiple-testing.ts: by definition with mpmath, and scipy for Benjamini-Hochberg."""

import numpy
from mpmath import exp, log, mp, mpf
from scipy.stats import false_discovery_control

from support import write

mp.dps = 40


def bonferroni(p):
    return [min(mpf(1), len(p) * v) for v in p]


def holm(p):
    """p_i is raised to the greatest (number of p values not below p_j) p_j among all p_j up to it, ties in input order."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    return [
        min(mpf(1), max((len(p) - place) * p[order[place]] for place in range(order.index(i) + 1))) for i in range(len(p))
    ]


def benjamini_hochberg(p):
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted = [
        min([mpf(1)] + [len(p) * p[order[place]] / (place + 1) for place in range(order.index(i), len(p))])
        for i in range(len(p))
    ]
    peer = false_discovery_control([float(v) for v in p])
    assert numpy.allclose([float(v) for v in adjusted], peer, rtol=1e-12, atol=0)
    return adjusted


def case(logs):
    p = [exp(mpf(v)) for v in logs]
    return {"logPValues": logs} | {
        method.__name__: [log(v) for v in method(p)] for method in (bonferroni, holm, benjamini_hochberg)
    }


rng = numpy.random.default_rng(5)
FAMILIES = [[-3.0], [-1.0, -1.0, -1.0], [-0.1, -5.0, -0.2, -4.9, -3.0, 0.0], [-700.0, -650.5, -2.0, -700.5, -0.01]]
FAMILIES += [[round(float(v), 6) for v in numpy.log(rng.uniform(size=40))], [-8.0, -7.9, -7.8, -7.7, -7.6]]

write("multiple_testing", {"families": [case(logs) for logs in FAMILIES]})
