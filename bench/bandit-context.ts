/**
 * Bandits that choose by features, in the whole loop: `node bench/bandit-context.ts [runs]`.
 *
 * Earned: the mean reward of 24,000 requests, 120 a minute, an update every ten minutes, two arms. `crossing`: the old earn 50
 * and 15 % on the arms, the young 10 and 50 %; `one sided`: 20 and 40 % whatever the features; `slight`: 30 + 5 % for the
 * old on one arm, for the young on the other. Cost: of one choice by 16 columns, and of reading them from a body of 0.6 KB.
 * Seeded, but for the times.
 */
import { assign, saltSeed } from '../src/core/assign.ts'
import { columnNames, columnsOf, type FeatureValues } from '../src/core/bandit/context.ts'
import { fitContext } from '../src/core/bandit/context-fit.ts'
import { readFeatures } from '../src/core/features.ts'
import type { BanditPlan, LinearPolicy } from '../src/core/stage-plans.ts'
import { moveTable, soleTable } from '../src/core/traffic.ts'
import { randomFrom } from '../src/stats/numerics/random.ts'
import { ExactMoments } from '../src/stats/summaries/exact-moments.ts'
import { type Behaviour, banditPlan, runBandit, type World } from '../test/support/bandits.ts'

const runs = Number(process.argv[2] ?? 6)
const features = [
  { name: 'age', categories: null },
  { name: 'country', categories: ['de'] },
]
const caller = (uniform: () => number): FeatureValues => ({
  age: 20 + 60 * uniform(),
  country: uniform() < 0.3 ? 'de' : 'es',
})
const byAge =
  (old: number, young: number): Behaviour =>
  ({ uniform, features: { age } }) => ({ reward: uniform() < (Number(age) > 50 ? old : young) ? 1 : 0 })

const worlds: Readonly<Record<string, World['arms']>> = {
  crossing: { v1: byAge(0.5, 0.1), v2: byAge(0.15, 0.5) },
  'one sided': { v1: byAge(0.2, 0.2), v2: byAge(0.4, 0.4) },
  slight: { v1: byAge(0.35, 0.3), v2: byAge(0.3, 0.35) },
}
const never = { by: 'evidence', chance: 1 - 1e-15, loss: null } as const
const by = (policy: LinearPolicy, explorePpm: number): Partial<BanditPlan> => ({
  policy,
  context: { features, explorePpm },
})
const linTs = { kind: 'lin-ts', scale: 1 } as const
const policies: Readonly<Record<string, Partial<BanditPlan>>> = {
  thompson: { context: { features: [], explorePpm: 1_000_000 } },
  'lin-ts, explore 20 %': by(linTs, 200_000),
  'lin-ts, explore 5 %': by(linTs, 50_000),
  'lin-ucb, explore 20 %': by({ kind: 'lin-ucb', scale: 1, epsilon: 0.1 }, 200_000),
}

const names = Object.keys(worlds)
const head = names.map(name => name.padStart(12)).join('')
process.stdout.write(`mean reward of 24,000 requests, ${runs} runs\n${'policy'.padEnd(26)}${head}\n`)
for (const [name, over] of Object.entries(policies)) {
  const cells = names.map(world => {
    const means = Array.from({ length: runs }, (_, run) => earned(worlds[world] ?? {}, over, run + 1))
    return (means.reduce((sum, one) => sum + one, 0) / runs).toFixed(3).padStart(12)
  })
  process.stdout.write(`${name.padEnd(26)}${cells.join('')}\n`)
}

function earned(arms: World['arms'], over: Partial<BanditPlan>, seed: number): number {
  const plan = { arms: ['v1', 'v2'], updateMs: 600_000, floorPpm: 20_000, stop: never, minRewards: 100, ...over }
  const { predictions, rewards } = runBandit({
    ...{ arms, plan, features: caller, seed },
    ...{ requestsPerTick: 120, tickMs: 60_000, ticks: 200 },
  })
  return [...rewards.values()].reduce((sum, reward) => sum + reward, 0) / predictions.length
}

const wide = [
  ...Array.from({ length: 4 }, (_, index) => ({ name: `n${index}`, categories: null })),
  { name: 'kind', categories: [...'abcdefgh'] },
]
const random = randomFrom(1)
const asked = Array.from({ length: 1_000 }, (): FeatureValues => {
  const numbers = wide.slice(0, 4).map(({ name }) => [name, random.next()] as const)
  return { ...Object.fromEntries(numbers), kind: 'abcdefghi'[Math.floor(9 * random.next())] ?? 'a' }
})

function microseconds(times: number, run: (index: number) => void): string {
  for (let index = 0; index < times / 4; index++) run(index)
  const startMs = performance.now()
  for (let index = 0; index < times; index++) run(index)
  return (((performance.now() - startMs) * 1_000) / times).toFixed(1).padStart(8)
}

process.stdout.write(`\nmicroseconds, ${columnNames(wide).length} columns\n${'arms'.padEnd(8)}  lin-ts lin-ucb\n`)
for (const size of [2, 3, 5, 10]) {
  const versions = Array.from({ length: size }, (_, index) => `v${index + 1}`)
  const moments = versions.map((_, arm) => {
    const sums = new ExactMoments(columnNames(wide).length + 1)
    for (const values of asked) sums.add([...columnsOf(wide, values), random.next() < 0.1 + 0.01 * arm ? 1 : 0])
    return sums.read()
  })
  const cells = ([linTs, { kind: 'lin-ucb', scale: 1, epsilon: 0.1 }] as const).map(policy => {
    const plan = banditPlan({ policy, context: { features: wide, explorePpm: 0 } })
    const fit = fitContext(plan, versions, [{ arms: moments, weight: 1 }])
    const weights = Object.fromEntries(versions.map(version => [version, 1_000_000 / size]))
    if (1_000_000 % size > 0) weights['v1'] = (weights['v1'] ?? 0) + (1_000_000 % size)
    for (const version of versions) weights[version] = Math.floor(weights[version] ?? 0)
    const start = soleTable({ endpoint: 'digits', version: 'v1', epoch: 1, salt: 'salt' })
    const chosen = { features: wide, explorePpm: 0, floorPpm: 10_000, fit }
    const table = moveTable(start, { weights, stable: 'v1', release: 'r', policy: chosen })
    const seed = saltSeed('salt')
    return microseconds(20_000, index =>
      assign(table, { unit: `u${index}`, seed, header: () => undefined, features: asked[index % 1_000] ?? {} }),
    )
  })
  process.stdout.write(`${String(size).padEnd(8)}${cells.join('')}\n`)
}
const body = Buffer.from(JSON.stringify({ ...asked[0], text: 'x'.repeat(500) }))
const specs = Object.fromEntries(
  wide.map(({ name, categories }) => [
    name,
    {
      source: { from: 'pointer', pointer: `/${name}` },
      type: categories === null ? 'number' : 'category',
    } as const,
  ]),
)
process.stdout.write(
  `reading ${microseconds(20_000, () => readFeatures({ body, jsonBytes: null, features: specs }))}\n`,
)
