"""Powers of floats, rounded as Go rounds them: 1.1 ** 10 is another float there than in Python."""

import math

_FAR = 1 << 12
"""An exponent of two from which on a result is 0 or infinite whatever follows."""


def power(base: float, exponent: float) -> float:
    """The base to the exponent; what is too large is infinite, what is no real number is not a number."""
    if exponent in (0, 1, 0.5, -0.5) or base in (0, 1) or base - base != 0 or exponent - exponent != 0:
        return _special(base, exponent)
    part, whole = math.modf(abs(exponent))
    if part and base < 0:
        return math.nan
    if whole >= 1 << 63:
        return _endless(base, exponent)
    return _squared(base, int(whole), part, inverted=exponent < 0)


def _special(base: float, exponent: float) -> float:
    """Where the result needs no rounding of its own: 0, 1, roots, infinity."""
    if abs(exponent) == 0.5 and base > 0 and base - base == 0:
        root = math.sqrt(base)
        return root if exponent > 0 else 1 / root
    try:
        return math.pow(base, exponent)
    except ValueError:  # 0 to a negative exponent, or a root of a negative number
        return math.copysign(math.inf, base if exponent % 2 == 1 else 1.0) if base == 0 else math.nan


def _endless(base: float, exponent: float) -> float:
    if base == -1:
        return 1.0
    return 0.0 if (abs(base) < 1) == (exponent > 0) else math.inf


def _squared(base: float, whole: int, part: float, *, inverted: bool) -> float:
    """Multiply squares of the mantissa and add up the exponents of two, so that nothing overflows on the way."""
    if part > 0.5:
        part, whole = part - 1, whole + 1
    result = math.exp(part * math.log(base)) if part else 1.0
    twos = 0
    mantissa, shift = math.frexp(base)
    while whole:
        if abs(shift) > _FAR:
            twos += shift
            break
        if whole & 1:
            result, twos = result * mantissa, twos + shift
        mantissa, shift, whole = mantissa * mantissa, shift * 2, whole >> 1
        if mantissa < 0.5:
            mantissa, shift = mantissa * 2, shift - 1
    if inverted:
        result, twos = 1 / result, -twos
    try:
        return math.ldexp(result, twos)
    except OverflowError:
        return math.copysign(math.inf, result)
