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

const returningRuns = Math.max(2, Math.ceil(runs / 4))
console.log(`\n${returningRuns} runs of 2 windows in which every unit makes ten requests that are alike:\n`)
console.log('| without drift, units return: counted | features shown at | |')
console.log('| --- | ---: | --- |')
for (const by of ['unit', 'request'] as const) {
  const courses = Array.from({ length: returningRuns }, (_, run) =>
    course({ seed: run + 1, windows: 2, shift: noShift, visits: { requests: 10, by } }),
  )
  const [features] = frequencies(courses)
  if (features === undefined) throw new Error('no frequency of features')
  const isOver = features.share > alpha + 3 * features.standardError
  if (isOver && by === 'unit') process.exitCode = 1
  console.log(`| by ${by} | ${percent(features.share)} | ${isOver ? 'OVER' : 'within'} |`)
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
