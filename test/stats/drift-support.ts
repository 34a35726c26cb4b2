/** A sample by count, step, grain, offset and scale: the same doubles as `sample` of reference/drift.py. */
export function sample(spec: readonly number[]): number[] {
  const [count = 0, step = 0, grain = 1, offset = 0, scale = 1] = spec
  return Array.from({ length: count }, (_, i) => offset + scale * Math.floor(((i * step + 17) % 10007) / grain))
}
