import { drawNormal, type Random, randomFrom } from '../../src/stats/numerics/random.ts'
import { compareMeans, type MeanStratum } from '../../src/stats/sequential/compare-means.ts'

/** A simulated release whose arms differ by just the margin, looked at while it runs: neither claim is true. */
export type MeansRelease = {
  readonly name: string
  readonly draw: (random: Random) => number
  /** Of the candidate, step by step; the steps are equally long. */
  readonly shares: readonly number[]
  /** Multiplies the values of each step: drift that both arms share. */
  readonly levels?: readonly number[]
  readonly scale: 'absolute' | 'relative'
  /** Tolerated, and true: an absolute one shifts the candidate's values, a relative one multiplies them. */
  readonly margin: number
  readonly clusters: number
  readonly lookEvery: number
  readonly alpha: number
}

export type Beliefs = { readonly above: number; readonly below: number }

/** Running moments of one arm, updated in place: simulations draw millions of values. */
class Arm {
  n = 0
  mean = 0
  squares = 0
  add(value: number): void {
    this.n += 1
    const distance = value - this.mean
    this.mean += distance / this.n
    this.squares += distance * (value - this.mean)
  }
  get variance(): number {
    return this.n < 2 ? 0 : this.squares / (this.n - 1)
  }
}

/** Whether each of the two false claims is believed at any look of one run. */
function believedIn(release: MeansRelease, seed: number): { above: boolean; below: boolean } {
  const { draw, shares, levels, scale, margin, clusters, lookEvery, alpha } = release
  const random = randomFrom(seed)
  const strata = shares.map(() => ({ candidate: new Arm(), stable: new Arm() }))
  const believed = { above: false, below: false }
  for (let index = 0; index < clusters; index += 1) {
    const step = Math.floor((index * shares.length) / clusters)
    const stratum = strata[step]
    if (stratum === undefined) break
    const value = (levels?.[step] ?? 1) * draw(random)
    if (random.next() >= (shares[step] ?? 0)) stratum.stable.add(value)
    else stratum.candidate.add(scale === 'relative' ? value * (1 + margin) : value + margin)
    if ((index + 1) % lookEvery !== 0) continue
    const seen: readonly MeanStratum[] = strata.slice(0, step + 1)
    const result = compareMeans({ strata: seen, margin, scale, alpha })
    if (!result.ok) continue
    believed.above ||= result.above
    believed.below ||= result.below
    if (believed.above && believed.below) break
  }
  return believed
}

/** The shares of `runs` releases in which each claim is ever believed. */
export function frequencyOfBeliefs(release: MeansRelease, runs: number): Beliefs {
  let above = 0
  let below = 0
  for (let seed = 1; seed <= runs; seed += 1) {
    const believed = believedIn(release, seed)
    if (believed.above) above += 1
    if (believed.below) below += 1
  }
  return { above: above / runs, below: below / runs }
}

const distributions: Readonly<Record<string, (random: Random) => number>> = {
  normal: random => 10 + drawNormal(random),
  exponential: random => -Math.log(1 - random.next()),
  'lognormal, sigma 1': random => Math.exp(drawNormal(random)),
  'lognormal, sigma 1.5': random => Math.exp(1.5 * drawNormal(random)),
  'Bernoulli 4 %': random => (random.next() < 0.04 ? 1 : 0),
}

const ramps: Readonly<Record<string, Pick<MeansRelease, 'shares' | 'levels'>>> = {
  'split 50/50': { shares: [0.5] },
  'split 5/95': { shares: [0.05] },
  'ramp 1-5-25-50 %': { shares: [0.01, 0.05, 0.25, 0.5] },
  'ramp 1-5-25-50 %, drifting': { shares: [0.01, 0.05, 0.25, 0.5], levels: [1, 10, 1, 0.1] },
}

/** Releases with equal arms on the absolute scale, with a candidate 20 % above, tolerated, on the relative one. */
export const harmlessReleases: readonly MeansRelease[] = Object.entries(distributions).flatMap(([distribution, draw]) =>
  Object.entries(ramps).flatMap(([ramp, traffic]) =>
    [{ scale: 'absolute', margin: 0 } as const, { scale: 'relative', margin: 0.2 } as const].map(tolerated => ({
      ...traffic,
      ...tolerated,
      name: `${distribution}, ${ramp}, ${tolerated.scale}`,
      draw,
      clusters: 10_000,
      lookEvery: 50,
      alpha: 0.05,
    })),
  ),
)
