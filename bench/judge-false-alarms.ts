/**
 * How often the judge raises a false alarm when it is asked while observations come: a guardrail that fails, a goal that
 * passes, in releases in which neither is true. `node bench/judge-false-alarms.ts [runs]`; ends with 1 if any is more
 * frequent than its alpha by over three standard errors. Seeded, so the table is the same on every machine.
 */
import { alpha } from './judge-simulations/builders.ts'
import { falseAlarmScenarios } from './judge-simulations/scenarios.ts'
import { boundOf, frequenciesOf } from './judge-simulations/simulation.ts'

const runsAsked = Number(process.argv[2] ?? 300)
const percent = (share: number) => `${(100 * share).toFixed(1)} %`

console.log(`Looks: after every observation up to 1,000, then after every further 1 %. alpha ${percent(alpha)} each.\n`)
console.log(
  '| scenario | observations | runs | guardrail alarms | rate | goal alarms | rate | alpha + 3 se | | plain z test |',
)
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |')
let isOver = false
for (const scenario of falseAlarmScenarios) {
  const { runs, guardrail, goal, plain } = frequenciesOf(scenario, runsAsked)
  const bound = boundOf(alpha, runs)
  const over = Math.max(guardrail, goal) / runs > bound
  isOver ||= over
  const cells = [
    scenario.name,
    scenario.observations.toLocaleString('en'),
    runs,
    guardrail,
    percent(guardrail / runs),
    goal,
    percent(goal / runs),
    percent(bound),
    over ? 'OVER' : 'within',
    percent(plain / runs),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
if (isOver) process.exitCode = 1
