/**
 * How often a watched version raises an alarm, looked at after every window: without any drift, and with shifts of known
 * size. `node bench/drift-alarms.ts [runs]`; ends with 1 if an alarm without drift is more frequent than alpha by over
 * three standard errors. Seeded, so the table is the same on every machine.
 */
import { alpha, type Course, course, frequencies, noShift, type Shift } from '../test/evidence/drift-simulation.ts'

const runs = Number(process.argv[2] ?? 200)
const windows = 10
const percent = (share: number) => `${(100 * share).toFixed(2)} %`
const coursesOf = (shift: Shift): Course[] =>
  Array.from({ length: runs }, (_, run) => course({ seed: run + 1, windows, shift }))

console.log(
  `${runs} runs of ${windows} windows of 1,000 predictions after a reference of 2,000; alpha ${percent(alpha)}.\n`,
)
console.log('| without drift: shown at | share of the looks | alpha + 3 se | |')
console.log('| --- | ---: | ---: | --- |')
for (const { kind, share, standardError } of frequencies(coursesOf(noShift))) {
  const bound = alpha + 3 * standardError
  if (share > bound) process.exitCode = 1
  console.log(`| ${kind} | ${percent(share)} | ${percent(bound)} | ${share > bound ? 'OVER' : 'within'} |`)
}

const shifts: readonly [string, keyof Course['firstAt'], Shift][] = [
  ['a number moves by 0.1 standard deviations', 'feature', { ...noShift, amount: 0.1 }],
  ['a number moves by 0.2 standard deviations', 'feature', { ...noShift, amount: 0.2 }],
  ['a number moves by 0.5 standard deviations', 'feature', { ...noShift, amount: 0.5 }],
  ['5 % of the requests have a new category', 'feature', { ...noShift, country: 0.05 }],
  ['wrong answers rise from 10 % to 15 %', 'quality', { ...noShift, wrong: 0.05 }],
  ['errors rise from 2 %, the limit, to 4 %', 'limit', { ...noShift, errors: 0.02 }],
]
console.log('\n| with a shift | found at the first look | within 3 | within 10 |')
console.log('| --- | ---: | ---: | ---: |')
for (const [name, kind, shift] of shifts) {
  const courses = coursesOf(shift)
  const within = (looks: number) =>
    percent(courses.filter(({ firstAt }) => (firstAt[kind] ?? Number.POSITIVE_INFINITY) <= looks).length / runs)
  console.log(`| ${name} | ${within(1)} | ${within(3)} | ${within(windows)} |`)
}
