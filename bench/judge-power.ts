/**
 * What looking at any time costs: the power of the judge's guardrails and goals against that of a test that is looked at
 * once, at a size fixed beforehand. `node bench/judge-power.ts [runs]`. Seeded, so the table is the same on every machine.
 */

import { alpha } from './judge-simulations/builders.ts'
import { lengthFactor, type PowerCase, powerCases } from './judge-simulations/power-cases.ts'
import { simulate } from './judge-simulations/simulation.ts'

const runs = Number(process.argv[2] ?? 300)
const percent = (share: number) => `${(100 * share).toFixed(0)} %`
const whole = (size: number) => (Number.isFinite(size) ? size.toLocaleString('en') : 'more')

/** After how many observations it is found in each run, in order; infinite where it never is. */
function endsOf({ scenario, found }: PowerCase): number[] {
  const ends = Array.from({ length: runs }, (_, index) => {
    const course = simulate(scenario, index + 1, { only: found })
    return course[found === 'goal' ? 'goalAt' : 'guardrailAt'] ?? Number.POSITIVE_INFINITY
  })
  return ends.sort((a, b) => a - b)
}

function row(one: PowerCase): string {
  const { name, fixedSize, fixedPower } = one
  const ends = endsOf(one)
  const within = (size: number) => ends.filter(end => end <= size).length / runs
  const at = (share: number) => ends[Math.ceil(share * runs) - 1] ?? Number.POSITIVE_INFINITY
  const median = at(0.5)
  const cells = [
    name,
    whole(fixedSize),
    percent(fixedPower(fixedSize)),
    percent(within(fixedSize)),
    percent(within(2 * fixedSize)),
    percent(within(4 * fixedSize)),
    percent(within(lengthFactor * fixedSize)),
    whole(median),
    Number.isFinite(median) ? percent(fixedPower(median)) : '',
    Number.isFinite(at(0.8)) ? (at(0.8) / fixedSize).toFixed(2) : `over ${lengthFactor}`,
  ]
  return `| ${cells.join(' | ')} |`
}

console.log(`alpha ${percent(alpha)} one-sided, ${runs} runs, half of the traffic each; n counts both versions.`)
console.log('Looks: after every observation up to 1,000, then after every further 1 %.\n')
console.log(
  '| to be found | n of the fixed test | its power | sequential by n | by 2 n | by 4 n | by 8 n | median end | fixed test there | sequential 80 % / n |',
)
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
for (const one of powerCases) console.log(row(one))
