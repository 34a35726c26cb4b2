/** Releases in which there is something to find, with what a test for one look would need to find it. */

import { drawNormal } from '../../src/stats/numerics/random.ts'
import { logNormalSurvival } from '../../src/stats/numerics/special.ts'
import { meanScenario, pairScenario, rateScenario } from './builders.ts'
import { plainCritical, type Scenario } from './simulation.ts'

export type PowerCase = {
  readonly name: string
  /** What is to be found. */
  readonly found: 'guardrail' | 'goal'
  /** The size at which a one-sided z test for one look has a power of 80 %, both versions together. */
  readonly fixedSize: number
  /** Its power at a size. */
  readonly fixedPower: (size: number) => number
  /** A release of that many times `fixedSize`. */
  readonly scenario: Scenario
}

/** How many times the size of the test for one look the release goes on. */
export const lengthFactor = 8

/** z at which a normal variable is exceeded with the chance of 20 %. */
const powerQuantile = 0.8416212335729143

type Difference = { distance: number; variances: number }

/** Of two arms of half of the traffic each, whose means are `distance` apart. */
function fixedTest({ distance, variances }: Difference): Pick<PowerCase, 'fixedSize' | 'fixedPower'> {
  const perArm = ((plainCritical + powerQuantile) / distance) ** 2 * variances
  const fixedPower = (size: number) =>
    Math.exp(logNormalSurvival(plainCritical - distance / Math.sqrt(variances / (size / 2))))
  return { fixedSize: 2 * Math.ceil(perArm), fixedPower }
}

type Rates = { stable: number; candidate: number }

function rateCase(
  name: string,
  found: PowerCase['found'],
  rates: Rates,
  options: { counted?: 'wrong'; margin?: number } = {},
): PowerCase {
  const { margin = 0, counted = 'errors' } = options
  const spread = (rate: number) => rate * (1 - rate)
  const test = fixedTest({
    distance: Math.abs(rates.candidate - rates.stable - margin),
    variances: spread(rates.candidate) + spread(rates.stable),
  })
  const observations = lengthFactor * test.fixedSize
  return {
    name,
    found,
    ...test,
    scenario: rateScenario(name, { rate: arm => rates[arm], counted, margin, observations }),
  }
}

function meanCase(distance: number): PowerCase {
  const name = `goal: mean higher by ${distance} standard deviations`
  const test = fixedTest({ distance, variances: 2 })
  const scenario = meanScenario(name, {
    value: (arm, _, random) => drawNormal(random) + (arm === 'candidate' ? distance : 0),
    observations: lengthFactor * test.fixedSize,
  })
  return { name, found: 'goal', ...test, scenario }
}

const errorRates = [0.1, 0.2, 0.5].flatMap(lift => [
  rateCase(`guardrail: error rate 4 %, ${100 * lift} % more`, 'guardrail', {
    stable: 0.04,
    candidate: 0.04 * (1 + lift),
  }),
  rateCase(`goal: error rate 4 %, ${100 * lift} % less`, 'goal', { stable: 0.04, candidate: 0.04 * (1 - lift) }),
])

const accuracies = [0.88, 0.85, 0.8].map(accuracy =>
  rateCase(
    `guardrail: accuracy 90 %, candidate ${100 * accuracy} %`,
    'guardrail',
    { stable: 0.1, candidate: 1 - accuracy },
    { counted: 'wrong' },
  ),
)

/** Answers of which one version alone is right in `discordance` of the pairs, both as often: no worse than 1 pp. */
function pairCase(discordance: number): PowerCase {
  const name = `goal: ${100 * discordance} % of pairs discordant, both alike, worse by less than 1 pp`
  const margin = 0.01
  const perPair = ((plainCritical + powerQuantile) / margin) ** 2 * discordance
  const fixedPower = (size: number) =>
    Math.exp(logNormalSurvival(plainCritical - margin / Math.sqrt(discordance / size)))
  const fixedSize = Math.ceil(perPair)
  const scenario = pairScenario(name, {
    discordance: () => discordance,
    margin,
    excess: 0,
    observations: lengthFactor * fixedSize,
  })
  return { name, found: 'goal', fixedSize, fixedPower, scenario }
}

export const powerCases: readonly PowerCase[] = [
  ...errorRates,
  rateCase(
    'goal: error rate 4 %, both alike, worse by less than 1 pp',
    'goal',
    { stable: 0.04, candidate: 0.04 },
    { margin: 0.01 },
  ),
  ...accuracies,
  ...[0.1, 0.2, 0.5].map(meanCase),
  ...[0.01, 0.05].map(pairCase),
]
