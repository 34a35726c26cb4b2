/** Shares of the traffic as whole parts per million: their sum is the whole, floors hold, and nothing is rounded away. */
import { limits } from '../limits.ts'
import type { Weights } from '../traffic.ts'

/** Every version gets the floor and the rest goes by probability; largest remainders get what rounding leaves over. */
export function weightsFrom(versions: readonly string[], probabilities: readonly number[], floorPpm: number): Weights {
  const parts = partsFrom(probabilities, { floor: floorPpm, total: limits.ppmTotal })
  return Object.fromEntries(versions.map((version, index) => [version, parts[index] ?? 0]))
}

/** The same in any number of parts, in the order of the probabilities. */
export function partsFrom(probabilities: readonly number[], of: { floor: number; total: number }): number[] {
  const count = probabilities.length
  const floor = Math.min(of.floor, Math.floor(of.total / count))
  const rest = of.total - floor * count
  const sum = probabilities.reduce((total, one) => total + one, 0)
  const wanted = probabilities.map(probability => rest * (sum > 0 ? probability / sum : 1 / count))
  const whole = wanted.map(Math.floor)
  const left = rest - whole.reduce((total, one) => total + one, 0)
  const byRemainder = [...wanted.keys()].sort((a, b) => remainder(wanted, b) - remainder(wanted, a) || a - b)
  for (const index of byRemainder.slice(0, left)) whole[index] = (whole[index] ?? 0) + 1
  return whole.map(one => floor + one)
}

export function evenWeights(versions: readonly string[]): Weights {
  return weightsFrom(
    versions,
    versions.map(() => 1),
    0,
  )
}

/** The same shares among those that stay; evenly where they had nothing. */
export function weightsAmong(weights: Weights, stay: readonly string[]): Weights {
  return weightsFrom(
    stay,
    stay.map(version => weights[version] ?? 0),
    0,
  )
}

function remainder(wanted: readonly number[], index: number): number {
  const value = wanted[index] ?? 0
  return value - Math.floor(value)
}
