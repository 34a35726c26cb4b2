/**
 * How often A/B tests ship one of equal versions when they are looked at after every unit, and how often they ship a version
 * that is better by the planned effect: `node bench/ab-test-errors.ts [runs] [units watched]`. Ends with 1 if equal versions
 * ship more often than alpha by over three standard errors, or better ones less often than the planned power. Seeded.
 */
import { aaScenarios, bayesianScenario, powerScenarios } from './ab-test/scenarios.ts'
import { type AbScenario, alpha, boundOf, endingsOf } from './ab-test/simulation.ts'

const runs = Number(process.argv[2] ?? 1_000)
const watched = Number(process.argv[3] ?? 20_000)
const percent = (share: number) => `${(100 * share).toFixed(1)} %`
let isOut = false

function row(scenario: AbScenario, isRight: ((shipped: number) => boolean) | null): void {
  const { ship, keep, open, meanUnits } = endingsOf(scenario, runs)
  const isWrong = isRight !== null && !isRight(ship / runs)
  isOut ||= isWrong
  const sample = Object.values(scenario.plan.hypothesis?.needed ?? {}).reduce((sum, size) => sum + size, 0)
  const cells = [
    scenario.name,
    sample === 0 ? '-' : sample,
    percent(ship / runs),
    percent(keep / runs),
    percent(open / runs),
    Math.round(meanUnits),
    isRight === null ? '-' : isWrong ? 'NOT AS PROMISED' : 'as promised',
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

const head =
  '| test | planned sample | shipped | kept | open | units on average | |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |'
console.log(`${runs} runs each; equal versions may ship in ${percent(boundOf(alpha, runs))} of them at most\n\n${head}`)
for (const scenario of aaScenarios(watched)) row(scenario, shipped => shipped <= boundOf(alpha, runs))
console.log(`\nA version that is better by the planned effect; power 80 %\n\n${head}`)
for (const scenario of powerScenarios) row(scenario, shipped => shipped >= 1 - boundOf(0.2, runs))
console.log(`\nWhat a Bayesian test does with equal versions; no promise is made\n\n${head}`)
row(bayesianScenario(watched), null)
if (isOut) process.exitCode = 1
