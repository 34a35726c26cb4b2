/**
 * How often compareMeans believes a false claim about arms that differ by just the margin when it is asked after every 50 of 10 000
 * clusters, over more runs than the tests can afford: `node bench/false-alarms-means.ts [runs] [alpha]`. Seeded, so the
 * table is the same on every machine. A frequency above alpha by more than three standard errors is marked.
 */
import { frequencyOfBeliefs, harmlessReleases } from '../test/stats/peeking-at-means.ts'

const runs = Number(process.argv[2] ?? 1000)
const alpha = Number(process.argv[3] ?? 0.05)
const bound = alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs)
const percent = (frequency: number) => (100 * frequency).toFixed(2).padStart(6)
console.log(`alpha ${alpha}, ${runs} runs, at most ${percent(bound).trim()} %: believed above, believed below`)
for (const release of harmlessReleases) {
  const { above, below } = frequencyOfBeliefs({ ...release, alpha }, runs)
  const mark = Math.max(above, below) > bound ? '  TOO OFTEN' : ''
  console.log(`${percent(above)} %${percent(below)} %  ${release.name}${mark}`)
}
