/** Shares of the traffic as whole parts per million: their sum is the whole, floors hold, and nothing is rounded away. */
import { limits } from '../limits.ts'
import type { Weights } from '../traffic.ts'

/** Every version gets the floor and the rest goes by probability; largest remainders get what rounding leaves over. */
export function weightsFrom(versions: readonly string[], probabilities: readonly number[], floorPpm: number): Weights {
  const floor = Math.min(floorPpm, Math.floor(limits.ppmTotal / versions.length))
  const rest = limits.ppmTotal - floor * versions.length
  const sum = probabilities.reduce((total, one) => total + one, 0)
  const wanted = versions.map((_, index) => rest * (sum > 0 ? (probabilities[index] ?? 0) / sum : 1 / versions.length))
  const whole = wanted.map(Math.floor)
  const left = rest - whole.reduce((total, one) => total + one, 0)
  const byRemainder = [...wanted.keys()].sort((a, b) => remainder(wanted, b) - remainder(wanted, a) || a - b)
  for (const index of byRemainder.slice(0, left)) whole[index] = (whole[index] ?? 0) + 1
  return Object.fromEntries(versions.map((version, index) => [version, floor + (whole[index] ?? 0)]))
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
