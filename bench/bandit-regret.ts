/**
 * The regret of every allocation on rates of 4, 5 and 6 % over 100,000 rounds, beside the bound of Lai and Robbins:
 * `node bench/bandit-regret.ts [runs]`. Regret is in expected events lost, its mean over the runs with the standard
 * error and its median, since a run in hundreds learns the wrong thing first and loses ten times as much. Three worlds: steady; rewards known 1,000 rounds late; the rates put in the opposite order at half time.
 *
 * The probabilities of Thompson and top-two sampling are computed anew every 100 rounds, those of KL-UCB every 10 and
 * the others every round. Seeded, so the table is the same on every machine; 8 runs take about two minutes. Thompson
 * sampling in the steady world gets ten times the runs and is compared with the independent simulation of
 * test/reference/bandit_regret.py, which draws from Beta posteriors in every round.
 */
import { epsilonGreedy } from '../src/stats/bandit/epsilon-greedy.ts'
import { withFloor } from '../src/stats/bandit/floor.ts'
import { klUcb } from '../src/stats/bandit/kl-ucb.ts'
import { laiRobbins } from '../src/stats/bandit/lai-robbins.ts'
import { thompsonBeta } from '../src/stats/bandit/thompson-beta.ts'
import { topTwoBeta } from '../src/stats/bandit/top-two.ts'
import { ucb1 } from '../src/stats/bandit/ucb1.ts'
import type { Outcomes } from '../src/stats/sequential/bernoulli-mixture.ts'
import reference from '../test/reference/bandit_regret.json' with { type: 'json' }
import { meanRegret, type Policy, type World } from '../test/stats/bandit-simulation.ts'
import { numbers } from '../test/stats/support.ts'

const RATES = [0.04, 0.05, 0.06]
const ROUNDS = 100_000
const HALF_LIFE = 10_000

const worlds: Readonly<Record<string, World>> = {
  steady: { rounds: ROUNDS, stretches: [RATES], delay: 0 },
  'rewards 1,000 rounds late': { rounds: ROUNDS, stretches: [RATES], delay: 1000 },
  'opposite order at half time': { rounds: ROUNDS, stretches: [RATES, RATES.toReversed()], delay: 0 },
}

const thompson: Policy = {
  name: 'Thompson sampling',
  updateEvery: 100,
  allocate: arms => thompsonBeta({ arms }),
}
const klUcbPolicy: Policy = { name: 'KL-UCB', updateEvery: 10, allocate: arms => klUcb({ arms }) }
const policies: readonly Policy[] = [
  { name: 'even split', updateEvery: ROUNDS, allocate: arms => epsilonGreedy({ arms: momentsOf(arms), epsilon: 1 }) },
  { name: 'epsilon-greedy 0.1', updateEvery: 1, allocate: arms => epsilonGreedy({ arms: momentsOf(arms) }) },
  { name: 'UCB1', updateEvery: 1, allocate: arms => ucb1({ arms: momentsOf(arms) }) },
  klUcbPolicy,
  thompson,
  {
    name: 'Thompson, floor 0.02',
    updateEvery: 100,
    allocate: arms => withFloor({ probabilities: numbers(thompsonBeta({ arms })).probabilities, floor: 0.02 }),
  },
  { name: 'top-two (for the best arm, not for regret)', updateEvery: 100, allocate: arms => topTwoBeta({ arms }) },
  { ...klUcbPolicy, name: 'KL-UCB, half-life 10,000', halfLife: HALF_LIFE },
  { ...thompson, name: 'Thompson, half-life 10,000', halfLife: HALF_LIFE },
]

function momentsOf(arms: readonly Outcomes[]) {
  return arms.map(({ events, trials }) => ({ n: trials, mean: trials > 0 ? events / trials : 0, m2: 0 }))
}

const runs = Number(process.argv[2] ?? 8)
const bound = numbers(laiRobbins({ rates: RATES, rounds: ROUNDS }))
console.log(`Regret in ${ROUNDS} rounds at rates ${RATES.join(', ')}; mean of ${runs} runs +- standard error (median).`)
console.log(`Lai and Robbins: ${bound.coefficient.toFixed(2)} ln T = ${bound.regret.toFixed(1)}, in the long run.\n`)
console.log(`| policy | ${Object.keys(worlds).join(' | ')} |\n|---|${'---:|'.repeat(Object.keys(worlds).length)}`)
for (const policy of policies) {
  const cells = Object.values(worlds).map(world => written(meanRegret({ policy, world, runs })))
  console.log(`| ${policy.name} | ${cells.join(' | ')} |`)
}

const known = reference.thompson.find(({ rounds }) => rounds === ROUNDS) ?? { mean: 0, standardError: 0 }
const ours = meanRegret({ policy: thompson, world: { rounds: ROUNDS, stretches: [RATES], delay: 0 }, runs: 10 * runs })
const difference = (100 * (ours.mean - known.mean)) / known.mean
console.log(`\nThompson sampling, steady, ${10 * runs} runs: ${written(ours)}; numpy: ${known.mean.toFixed(1)};`)
console.log(`difference ${difference.toFixed(1)} %, allowed 15 %.`)

function written({ mean, standardError, median }: ReturnType<typeof meanRegret>): string {
  return `${mean.toFixed(0)} +- ${standardError.toFixed(0)} (${median.toFixed(0)})`
}
