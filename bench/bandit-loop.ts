/**
 * Bandits in the whole loop (assignment, evidence, judge, step), where weights change in batches, beside
 * bench/bandit-regret.ts, which has a bandit that learns after each round: `node bench/bandit-loop.ts [runs]`.
 *
 * Regret: 20,000 requests, 100 every 30 s, rewards of 10, 12 and 15 %, an update a minute; in expected rewards lost, the mean
 * over the runs. Worlds: steady; rewards known 10 minutes late; the rates put in the opposite order at half time.
 * Ends: with which arm a race of three ends within 30,000 requests, by stop rule; where all are alike every end is an error
 * but the one of stable, v1, which changes nothing. Seeded; 8 runs take about ten minutes.
 */
import type { BanditPlan } from '../src/core/stage-plans.ts'
import { type Behaviour, type Run, runBandit, type World, yes } from '../test/support/bandits.ts'

const runs = Number(process.argv[2] ?? 8)
const rates = { v1: 0.1, v2: 0.12, v3: 0.15 }
const best = 0.15
const ticks = 200
const tickMs = 30_000
const halfMs = (ticks * tickMs) / 2
const never = { by: 'evidence', chance: 1 - 1e-15, loss: null } as const

const steady = Object.fromEntries(Object.entries(rates).map(([version, rate]) => [version, yes(rate)]))
const turned: Readonly<Record<string, number>> = { v1: 0.15, v2: 0.12, v3: 0.1 }
const turning = Object.fromEntries(
  Object.entries(rates).map(([version, rate]) => [
    version,
    (({ atMs, uniform }) => ({
      reward: uniform() < (atMs < halfMs ? rate : (turned[version] ?? 0)) ? 1 : 0,
    })) as Behaviour,
  ]),
)

const worlds: Readonly<Record<string, Pick<World, 'arms' | 'delayMs'>>> = {
  steady: { arms: steady },
  '10 min late': { arms: steady, delayMs: 600_000 },
  'opposite at half time': { arms: turning },
}

const policies: Readonly<Record<string, Partial<BanditPlan>>> = {
  'even split': { minRewards: 1_000_000 },
  thompson: {},
  'thompson, discount 0.95': { memory: { kind: 'discount', factor: 0.95 } },
  'thompson, window 30': { memory: { kind: 'window', epochs: 30 } },
  'epsilon-greedy 0.1': { policy: { kind: 'epsilon-greedy', epsilon: 0.1 } },
  ucb1: { policy: { kind: 'ucb1' } },
  'top-two': { policy: { kind: 'top-two' } },
}

function regretOf({ predictions }: Run, isTurning: boolean): number {
  return predictions.reduce((sum, { version, atMs }) => {
    const rate = isTurning && atMs >= halfMs ? turned[version] : rates[version as keyof typeof rates]
    return sum + best - (rate ?? 0)
  }, 0)
}

process.stdout.write(
  `regret of 20,000 requests, ${runs} runs\n${'policy'.padEnd(26)}${Object.keys(worlds)
    .map(name => name.padStart(24))
    .join('')}\n`,
)
for (const [name, plan] of Object.entries(policies)) {
  const cells = Object.entries(worlds).map(([worldName, world]) => {
    const regrets = Array.from({ length: runs }, (_, run) => {
      const input = { ...world, plan: { stop: never, ...plan }, requestsPerTick: 100, tickMs, ticks, seed: run + 1 }
      return regretOf(runBandit(input), worldName.startsWith('opposite'))
    })
    const mean = regrets.reduce((sum, one) => sum + one, 0) / runs
    return mean.toFixed(0).padStart(24)
  })
  process.stdout.write(`${name.padEnd(26)}${cells.join('')}\n`)
}

const byRate = (first: number, second: number, third: number): World['arms'] => ({
  v1: yes(first),
  v2: yes(second),
  v3: yes(third),
})
const alike = byRate(0.1, 0.1, 0.1)
const clear = byRate(0.1, 0.1, 0.15)
const evidence = { by: 'evidence', chance: 0.95, loss: null } as const
const posterior = (chance: number) => ({ by: 'posterior', chance, loss: null }) as const

const races: readonly { name: string; arms: World['arms']; plan: Partial<BanditPlan> }[] = [
  { name: 'evidence 0.95, all at 10 %', arms: alike, plan: { stop: evidence } },
  { name: 'posterior 0.95, all at 10 %', arms: alike, plan: { stop: posterior(0.95) } },
  { name: 'posterior 0.99, all at 10 %', arms: alike, plan: { stop: posterior(0.99) } },
  { name: 'evidence 0.95, 10 10 15 %, floor 1 %', arms: clear, plan: { stop: evidence } },
  { name: 'evidence 0.95, 10 10 15 %, floor 5 %', arms: clear, plan: { stop: evidence, floorPpm: 50_000 } },
  { name: 'evidence 0.95, 10 10 15 %, top-two', arms: clear, plan: { stop: evidence, policy: { kind: 'top-two' } } },
  { name: 'posterior 0.95, 10 10 15 %, floor 1 %', arms: clear, plan: { stop: posterior(0.95) } },
]

const raced = runs * 3
process.stdout.write(`\nends within 30,000 requests, ${raced} races by Thompson sampling where nothing is said\n`)
process.stdout.write(
  `${'race'.padEnd(40)}${['runs on', 'v1', 'v2', 'v3', 'requests'].map(head => head.padStart(10)).join('')}\n`,
)
for (const { name, arms, plan } of races) {
  const ends: Record<string, number> = { running: 0, v1: 0, v2: 0, v3: 0 }
  let requests = 0
  for (let run = 0; run < raced; run++) {
    const full = { minRewards: 100, ...plan }
    const ended = runBandit({ arms, plan: full, requestsPerTick: 200, tickMs: 60_000, ticks: 150, seed: 500 + run })
    const end = ended.release.phase.kind === 'running' ? 'running' : ended.endpoint.stable
    ends[end] = (ends[end] ?? 0) + 1
    requests += ended.predictions.length
  }
  const counts = [...Object.values(ends), Math.round(requests / raced)]
  process.stdout.write(`${name.padEnd(40)}${counts.map(one => String(one).padStart(10)).join('')}\n`)
}
