/** A bandit on simulated yes-or-no rewards, for tests and bench/bandit-regret.ts. */
import type { Allocation } from '../../src/stats/bandit/arms.ts'
import { discountFactor, discountOutcomes } from '../../src/stats/bandit/discount.ts'
import { draw } from '../../src/stats/bandit/draw.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import type { Result } from '../../src/stats/result.ts'
import type { Outcomes } from '../../src/stats/sequential/bernoulli-mixture.ts'
import { numbers } from './support.ts'

export type Policy = {
  readonly name: string
  /** Rounds between two allocations; between them the probabilities stay. */
  readonly updateEvery: number
  /** In rounds; without it nothing is forgotten. */
  readonly halfLife?: number
  readonly allocate: (arms: readonly Outcomes[]) => Result<Allocation>
}

export type World = {
  readonly rounds: number
  /** The rates of the arms, one set for every equal stretch of the rounds. */
  readonly stretches: readonly (readonly number[])[]
  /** Rounds after which a reward is known. */
  readonly delay: number
}

/** The expected events lost in one run, by choosing other arms than the best of each round. */
export function regretOf({ policy, world, seed }: { policy: Policy; world: World; seed: number }): number {
  const random = randomFrom(seed)
  const chosen = new Uint8Array(world.rounds)
  const rewards = new Uint8Array(world.rounds)
  let arms = (world.stretches[0] ?? []).map(() => ({ events: 0, trials: 0 }))
  let probabilities: readonly number[] = []
  let regret = 0
  for (let round = 0; round < world.rounds; round += 1) {
    const known = round - world.delay - 1
    const arm = arms[chosen[known] ?? 0]
    if (known >= 0 && arm !== undefined) {
      arm.trials += 1
      arm.events += rewards[known] ?? 0
    }
    if (round % policy.updateEvery === 0) {
      arms = forget(arms, policy)
      probabilities = numbers(policy.allocate(arms)).probabilities
    }
    const rates = ratesAt(world, round)
    const pulled = numbers(draw({ probabilities, random })).arm
    chosen[round] = pulled
    rewards[round] = random.next() < (rates[pulled] ?? 0) ? 1 : 0
    regret += Math.max(...rates) - (rates[pulled] ?? 0)
  }
  return regret
}

/** Mean with standard error, and median, over seeds from `firstSeed` on. */
export function meanRegret({
  policy,
  world,
  runs,
  firstSeed = 1,
}: {
  policy: Policy
  world: World
  runs: number
  firstSeed?: number
}): { mean: number; standardError: number; median: number } {
  const regrets = Array.from({ length: runs }, (_, run) => regretOf({ policy, world, seed: firstSeed + run }))
  const mean = regrets.reduce((sum, regret) => sum + regret, 0) / runs
  const squares = regrets.reduce((sum, regret) => sum + (regret - mean) ** 2, 0)
  const median = regrets.toSorted((left, right) => left - right)[runs >> 1] ?? 0
  return { mean, standardError: Math.sqrt(squares / Math.max(1, runs - 1) / runs), median }
}

function forget(arms: { events: number; trials: number }[], { halfLife, updateEvery }: Policy) {
  if (halfLife === undefined) return arms
  const { factor } = numbers(discountFactor({ elapsed: updateEvery, halfLife }))
  return numbers(discountOutcomes({ arms, factor })).arms.map(arm => ({ ...arm }))
}

function ratesAt({ rounds, stretches }: World, round: number): readonly number[] {
  return stretches[Math.floor((round * stretches.length) / rounds)] ?? []
}
