"""Write rounding.txt: decimal rounding by Python's builtin round, for the tests of both cores.

Each line is the bits of a double (16 hexadecimal digits), the number of decimals, and the bits of
the result, or `overflow`. Deterministic: running it again writes the same file.
"""

import math
import random
import struct
from pathlib import Path

SEED = 20250601
DIGITS = [*range(-2, 10), 12, 15, 16, 17, 20, 22, 23]


BOTH_ENDS = (math.inf, -math.inf)
FAR_DIGITS = [300, 308, 322, 323, 324, 325, 400, 2**62]
FAR_DIGITS += [-300, -307, -308, -309, -310, -400, -(2**62)]
EDGES = [0.0, 5e-324, 1e-323, 2.5e-323, 2.2250738585072014e-308]
EDGES += [1e300, 1.7976931348623157e308, 5e307, 1.5e308]
EDGES += [2.0**52 + 0.5, 2.0**53, 2.0**53 + 2, 4503599627370497.5, 9007199254740993.0]
EDGES += [0.5, 1.5, 2.5, 1e22, 1e23]


def bits(x: float) -> str:
    return struct.pack(">d", x).hex()


def cases() -> list[tuple[float, int]]:
    rng = random.Random(SEED)
    found: list[tuple[float, int]] = []
    # Ties that are exact in binary, and their neighbours on either side.
    for k in range(1, 9):
        for odd in range(1, 2**k, 2):
            tie = odd / 2**k
            for whole in (0, 1, 7, 1234, 2**30):
                for x in (whole + tie, -(whole + tie)):
                    d = rng.choice((k - 1, k - 1, k - 1, k - 2, k, 0))
                    found += [(y, d) for y in (x, *(math.nextafter(x, to) for to in BOTH_ENDS))]
    # Decimal near-ties: what a decimal tie is after it became a double.
    for _ in range(1500):
        d = rng.randrange(0, 9)
        n = rng.randrange(0, 10 ** rng.randrange(1, 8))
        x = float(f"{n}5e-{d + 1}")
        found += [(x, d), (math.nextafter(x, math.inf), d), (-math.nextafter(x, 0.0), d)]
    # Prices as the reducer makes them.
    for _ in range(1500):
        price = round(rng.uniform(0.01, 1.0), 6)
        distance = rng.choice((0.1, 0.2, 0.25, 1.0)) * rng.choice((1.0, 1.5, 5.0))
        found.append((price * (1 - distance / 100.0), 6))
    found.append((0.12525 * 0.998, 6))
    # Any bits at all, at ordinary and at extreme numbers of decimals.
    for _ in range(1500):
        (x,) = struct.unpack(">d", rng.getrandbits(64).to_bytes(8, "big"))
        if math.isfinite(x):
            found += [(x, rng.choice(DIGITS)), (x, rng.randrange(-330, 345))]
            exponent = math.floor(math.log10(abs(x))) if x else 0
            found.append((x, -exponent + rng.randrange(-1, 18)))
    # The ends of the range.
    for x in EDGES:
        for d in [*DIGITS, *FAR_DIGITS]:
            found += [(x, d), (-x, d)]
    return found


def line(x: float, d: int) -> str:
    try:
        result = bits(round(x, d))
    except OverflowError:
        result = "overflow"
    return f"{bits(x)} {d} {result}\n"


def main() -> None:
    lines = dict.fromkeys(line(x, d) for x, d in cases())
    Path(__file__).with_name("rounding.txt").write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
