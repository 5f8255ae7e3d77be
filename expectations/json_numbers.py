"""Numbers of JSON as they are written: of any size, with any exponent. Nothing here rounds, and nothing raises."""

from decimal import Decimal, InvalidOperation

TINY = Decimal("1e-999999")
LONGEST = 100
"""Characters of a number that Spark's JSON parser is given; of one with a thousand it gives up the message."""


def exact(number: str) -> Decimal:
    """The number. Past the exponents that Decimal takes, those of 18 digits, it is infinity, or TINY, with its sign."""
    try:
        return Decimal(number)
    except InvalidOperation:
        mantissa, _, exponent = number.lower().partition("e")
        if not mantissa.strip("-0."):
            return Decimal(0)
        size = TINY if exponent.startswith("-") else Decimal("Infinity")
        return size.copy_sign(Decimal(mantissa))


def is_bigint(number: Decimal) -> bool:
    """Whether it is within 64 bits, with a fraction or not. (`abs` rounds, and raises where the exponent is large.)"""
    return -(2**63) <= number < 2**63


def shortened(number: str) -> str:
    """The number as the double that it is read as, where it is written in more than LONGEST characters."""
    if len(number) <= LONGEST:
        return number
    return repr(float(number)).replace("inf", "1e999")
