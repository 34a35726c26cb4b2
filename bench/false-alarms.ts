/**
 * How often compareProportions believes a false claim when it is asked after every outcome, over more runs than the
 * tests can afford: `node bench/false-alarms.ts [runs]`. Seeded, so the table is the same on every machine.
 */
import { falseClaims, frequencyBelieved } from '../test/stats/peeking.ts'

const runs = Number(process.argv[2] ?? 1000)
console.log(`alpha 0.05, 2000 requests, ${runs} runs`)
for (const release of falseClaims)
  console.log(`${(100 * frequencyBelieved(release, runs)).toFixed(2).padStart(6)} %  ${release.name}`)
