/** Releases of which no alarm is true: both versions are alike, or the candidate is worse by exactly the margin. */
import { drawNormal, type Random } from '../../src/stats/numerics/random.ts'
import {
  formScenario,
  meanScenario,
  pairedValueScenario,
  pairScenario,
  ramp,
  rateScenario,
  unitScenario,
} from './builders.ts'
import type { Scenario } from './simulation.ts'

const long = 100_000

/** Four days: the base rate goes from a tenth of its mean to nearly twice of it. */
export function daily(time: number): number {
  return 1 + 0.9 * Math.sin(8 * Math.PI * time)
}

const exponential = (random: Random) => -Math.log(1 - random.next())
const lognormal = (random: Random) => Math.exp(1.5 * drawNormal(random))
const winsorised = (random: Random) => Math.min(30, lognormal(random))

export const falseAlarmScenarios: readonly Scenario[] = [
  rateScenario('error rate 0.1 %, 50:50', { rate: () => 0.001, observations: long }),
  rateScenario('error rate 4 %, 50:50', { rate: () => 0.04, observations: long }),
  rateScenario('error rate 50 %, 50:50', { rate: () => 0.5 }),
  rateScenario('error rate 4 %, 50:50, every observation', {
    rate: () => 0.04,
    looks: { everyObservation: true },
  }),
  rateScenario('error rate 0.1 %, 1:99', { rate: () => 0.001, shares: [0.01], observations: long }),
  rateScenario('error rate 4 %, 1:99', { rate: () => 0.04, shares: [0.01], observations: long }),
  rateScenario('error rate 4 %, 20:80', { rate: () => 0.04, shares: [0.2] }),
  rateScenario('error rate 50 %, 20:80', { rate: () => 0.5, shares: [0.2] }),
  rateScenario('error rate 4 %, 20:80, daily cycle', { rate: (_, time) => 0.04 * daily(time), shares: [0.2] }),
  rateScenario('error rate 4 %, ramp 1-5-25-50 %', { rate: () => 0.04, shares: ramp }),
  rateScenario('error rate 4 %, ramp, daily cycle', {
    rate: (_, time) => 0.04 * daily(time),
    shares: ramp,
    observations: long,
  }),
  rateScenario('error rate 4 %, ramp, worse by just the margin of 1 pp', {
    rate: arm => (arm === 'candidate' ? 0.05 : 0.04),
    shares: ramp,
    margin: 0.01,
  }),
  rateScenario('accuracy 90 %, ramp, late labels', {
    rate: () => 0.1,
    counted: 'wrong',
    shares: ramp,
    delay: (_, random) => 3_000 * exponential(random),
  }),
  rateScenario('accuracy 90 %, ramp, labels of wrong answers later', {
    rate: () => 0.1,
    counted: 'wrong',
    shares: ramp,
    delay: (wrong, random) => (wrong ? 6_000 : 1_000) * exponential(random),
  }),
  meanScenario('mean, exponential, 50:50', { value: (_arm, _time, random) => exponential(random) }),
  meanScenario('mean, exponential, 1:99', {
    value: (_arm, _time, random) => exponential(random),
    shares: [0.01],
    observations: long,
  }),
  meanScenario('mean, exponential, ramp, daily cycle, relative', {
    value: (_, time, random) => daily(time) * exponential(random),
    shares: ramp,
    scale: 'relative',
  }),
  meanScenario('mean, lognormal (sigma 1.5) winsorised at 30, 50:50', {
    value: (_arm, _time, random) => winsorised(random),
  }),
  meanScenario('mean, lognormal (sigma 1.5) winsorised at 30, 1:99', {
    value: (_arm, _time, random) => winsorised(random),
    shares: [0.01],
    observations: long,
  }),
  meanScenario('mean, lognormal (sigma 1.5) winsorised at 30, ramp, daily cycle', {
    value: (_, time, random) => Math.min(30, daily(time) * lognormal(random)),
    shares: ramp,
    observations: long,
  }),
  unitScenario('mean by unit, 50:50', { shares: [0.5] }),
  unitScenario('mean by unit, units return, ramp', {}),
  unitScenario('mean by unit, units return, ramp, daily cycle', { level: time => 3 * daily(time) }),
  unitScenario('mean by unit, lognormal units, the busy ones greater, ramp', {
    effect: (rows, random) => (rows / 10) * Math.exp(drawNormal(random)),
  }),
  formScenario('ratio of rows of which 10 % have a denominator, 20:80', {
    spec: { type: 'ratio', of: { from: 'reward' }, per: { from: 'reward' } },
    row: (_arm, _time, random) => (random.next() < 0.1 ? [exponential(random), 1] : [0, 0]),
    shares: [0.2],
    looks: { runsShare: 0.5 },
  }),
  formScenario('macro F1, classes of 90, 8 and 2 %, 20:80', {
    spec: { type: 'f1-macro', classes: ['a', 'b', 'c'] },
    row: (_arm, _time, random) => classified(random),
    shares: [0.2],
  }),
  formScenario('AUC 0.92 with 2 % positives, 20:80', {
    spec: { type: 'auc', positive: 1, classes: null },
    row: (_arm, _time, random) => scored(random),
    shares: [0.2],
    observations: 2_500,
    looks: { runsShare: 0.1 },
  }),
  formScenario('mean of 0.1 % of ones, 10:90, worse by just the margin of 1 pp', {
    ...ones({ stable: 0.001, candidate: 0.011 }),
    shares: [0.1],
    margin: 0.01,
  }),
  formScenario('rate 0.1 %, 10:90, worse by just the margin of 50 %', {
    ...failures({ stable: 0.001, candidate: 0.0015 }),
    shares: [0.1],
    margin: 0.5,
    observations: long,
  }),
  formScenario('rate 0.1 %, 90:10, worse by just the margin of 50 %', {
    ...failures({ stable: 0.001, candidate: 0.0015 }),
    shares: [0.9],
    margin: 0.5,
    observations: long,
  }),
  formScenario('AUC 0.99 with 1 % positives, worse by just the margin of 1 pp', {
    spec: { type: 'auc', positive: 1, classes: null },
    row: (arm, _time, random) => ranked(arm === 'candidate' ? 0.98 : 0.99, random),
    margin: 0.01,
    looks: { runsShare: 0.1 },
  }),
  formScenario('over-confidence of calibrated scores, 1:99', {
    spec: { type: 'calibration', classes: null },
    row: (_arm, _time, random) => calibrated(random),
    shares: [0.01],
    observations: long,
    looks: { runsShare: 0.25 },
  }),
  pairScenario('pairs, 20 % discordant', { discordance: () => 0.2 }),
  pairScenario('pairs, 1 % discordant, worse by just the margin of 0.5 pp', { discordance: () => 0.01, margin: 0.005 }),
  pairScenario('pairs, errors, 2 % discordant, daily cycle', {
    counted: 'errors',
    discordance: time => 0.02 * daily(time),
  }),
  pairedValueScenario('paired means, normal', {
    pair: random => beside(drawNormal(random), 0.2 * drawNormal(random)),
    observations: 5_000,
  }),
  pairedValueScenario('paired means, alike in 97 % of pairs, else exponential', {
    pair: random => beside(drawNormal(random), random.next() < 0.03 ? 1 - exponential(random) : 0),
    observations: 5_000,
  }),
]

function beside(stable: number, difference: number): { candidate: number; stable: number } {
  return { candidate: stable + difference, stable }
}

/** The true class and the predicted one: most times the same. */
function classified(random: Random): [number, number] {
  const place = random.next()
  const [small, smallest] = [Number(place >= 0.9), Number(place >= 0.98)]
  const truth = small + smallest
  return [truth, random.next() < 0.8 ? truth : Math.floor(3 * random.next())]
}

/** A score and whether the row is positive: normal scores, two standard deviations apart, on a logistic scale. */
function scored(random: Random): [number, number] {
  const positive = random.next() < 0.02 ? 1 : 0
  return [1 / (1 + Math.exp(-drawNormal(random) - 2 * positive)), positive]
}

/** A score and whether the row is positive, so that a positive is above a negative with this chance. */
function ranked(auc: number, random: Random): [number, number] {
  if (random.next() >= 0.01) return [random.next(), 0]
  return [random.next() ** ((1 - auc) / auc), 1]
}

type Rates = { candidate: number; stable: number }

function ones(rates: Rates) {
  const spec = { type: 'mean', of: { from: 'reward' }, better: 'lower' } as const
  return { spec, row: (arm: keyof Rates, _: number, random: Random) => [Number(random.next() < rates[arm])] }
}

function failures(rates: Rates) {
  const spec = { type: 'rate', of: { from: 'error' }, better: 'lower' } as const
  const row = (arm: keyof Rates, _: number, random: Random) => [Number(random.next() < rates[arm])]
  return { spec, scale: 'relative' as const, row }
}

/** A confidence and whether the answer is right, which it is just as often. */
function calibrated(random: Random): [number, number] {
  const confidence = 0.5 + 0.5 * random.next()
  return [confidence, random.next() < confidence ? 1 : 0]
}
