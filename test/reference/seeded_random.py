"""Reference values of src/stats/numerics/random.ts: splitmix32 and xoshiro128** from their papers' definitions."""

import struct

from support import write

MASK = 0xFFFFFFFF


def split(state):
    """The 32-bit mix with the constants of the `lowbias32` family (0x21f0aaad, 0x735a2d97)."""
    while True:
        state = (state + 0x9E3779B9) & MASK
        z = state
        z = ((z ^ z >> 16) * 0x21F0AAAD) & MASK
        z = ((z ^ z >> 15) * 0x735A2D97) & MASK
        yield z ^ z >> 15


def rotate(x, bits):
    return (x << bits | x >> 32 - bits) & MASK


def words(seed):
    low, high = struct.unpack("<II", struct.pack("<d", seed))
    source = split(low ^ (high * 0x85EBCA6B & MASK))
    s = [next(source) for _ in range(4)]
    while True:
        yield rotate(s[1] * 5 & MASK, 7) * 9 & MASK
        shifted = s[1] << 9 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate(s[3], 11)


def uniforms(seed, count):
    source = words(seed)
    return [((next(source) >> 5) * 2**26 + (next(source) >> 6)) / 2**53 for _ in range(count)]


write("seeded_random", {"streams": [{"seed": s, "values": uniforms(s, 5)} for s in (0, 1, 42, -7.5, 1e300, 2**53 - 1)]})
