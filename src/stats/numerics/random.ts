/**
 * Seeded pseudo-random draws, for allocations that must be replayed and for simulations: the generator is a value that
 * the caller makes, never a global. Not for secrets.
 */
export type Random = {
  /** The next number in [0, 1), a multiple of 2^-53. */
  next(): number
}

/**
 * The generator xoshiro128** (Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47, 2021),
 * period 2^128 - 1, its state spread from `seed` (any finite number, whole or not) by splitmix32.
 */
export function randomFrom(seed: number): Random {
  if (!Number.isFinite(seed)) throw new RangeError(`a seed must be a finite number; it is ${seed}`)
  const words = new Uint32Array(new Float64Array([seed]).buffer)
  let mixed = ((words[0] ?? 0) ^ Math.imul(words[1] ?? 0, 0x85ebca6b)) >>> 0
  const split = () => {
    mixed = (mixed + 0x9e3779b9) >>> 0
    let z = mixed
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let [a, b, c, d] = [split(), split(), split(), split()]
  const word = (): number => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }
  return { next: () => ((word() >>> 5) * 67_108_864 + (word() >>> 6)) / 9_007_199_254_740_992 }
}

/** A standard normal draw (polar method of Marsaglia & Bray, 1964; the second number of each pair is dropped). */
export function drawNormal(random: Random): number {
  for (;;) {
    const u = 2 * random.next() - 1
    const v = 2 * random.next() - 1
    const s = u * u + v * v
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s)
  }
}

/** A draw from Gamma(shape, 1), shape > 0 (Marsaglia & Tsang, ACM TOMS 26, 2000). */
export function drawGamma(random: Random, shape: number): number {
  if (!(shape > 0)) throw new RangeError(`a gamma draw needs a shape above 0; it is ${shape}`)
  if (shape < 1) return drawGamma(random, shape + 1) * (1 - random.next()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = drawNormal(random)
    const v = (1 + c * x) ** 3
    if (v <= 0) continue
    const u = 1 - random.next()
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

/** A draw from Beta(a, b), a, b > 0. */
export function drawBeta(random: Random, a: number, b: number): number {
  const x = drawGamma(random, a)
  const y = drawGamma(random, b)
  return x + y === 0 ? 0.5 : x / (x + y)
}
