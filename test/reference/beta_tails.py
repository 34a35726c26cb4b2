"""The logarithm of the upper tail of the beta distribution by quadrature, where mpmath's series takes too long."""

from mpmath import betainc, exp, log, mpf, quad, sqrt


def log_upper(a, b, p):
    """log of the integral of x^(a-1) (1-x)^(b-1) over (p, 1)."""
    if a + b < 200:
        return log(betainc(a, b, p, 1))
    mode, width = (a - 1) / (a + b - 2), sqrt(a * b / (a + b) ** 3)
    exponent = lambda x: (a - 1) * log(x) + (b - 1) * log(1 - x)
    if b <= 1:
        # The density grows up to 1, where it may have a pole: y = (1 - x)^b takes it away.
        depth = 1 - mpf(p)
        scale = depth / max(1, depth * a)
        ends = [depth] + [scale * k for k in (60, 20, 6, 2, mpf(1) / 2) if scale * k < depth] + [0]
        return log(quad(lambda y: (1 - y ** (1 / b)) ** (a - 1), [end**b for end in reversed(ends)]) / b)
    if p < mode:
        points, top = [mode + k * width for k in (-40, -20, -8, -3, 0, 3, 8, 20, 40)], exponent(mode)
    else:
        # Beyond the mode the integrand falls at this rate or faster.
        rate = max((b - 1) / (1 - p) - (a - 1) / p, 1 / width)
        points, top = [p + k / rate for k in (1, 4, 12, 40, 120)], exponent(p)
    ends = sorted({mpf(p), *[min(x, mpf(1)) for x in points if x > p]})
    return log(quad(lambda x: exp(exponent(x) - top), ends)) + top
