/** Random histories of a prediction log. */
import fc from 'fast-check'
import type { ManualClock } from '../../src/adapters/clock/manual.ts'
import {
  type JoinedOutcome,
  type Outcome,
  type OutcomeReceipt,
  type Prediction,
  shadowIdOf,
} from '../../src/core/prediction.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { aPrediction } from './samples.ts'

export type LogStep =
  | { kind: 'predictions'; batch: readonly Prediction[] }
  | { kind: 'outcomes'; batch: readonly Outcome[] }
  | { kind: 'wait'; durationMs: number }
  | { kind: 'restart' }

export type LogRun = {
  /** Everything that became durable, in the order in which the appends gave it back. */
  committed: readonly (Prediction | JoinedOutcome)[]
  joined: readonly JoinedOutcome[]
  receipts: readonly OutcomeReceipt[]
  /** The names that this run gave to its endpoints. */
  endpoints: readonly string[]
}

let runs = 0

/** Ids and endpoints get a prefix of the run, so that runs share a log without meeting. `restart` means something on disk only. */
export async function runSteps(
  log: PredictionLog,
  clock: ManualClock,
  steps: readonly LogStep[],
  restart: () => Promise<void> = async () => {},
): Promise<LogRun> {
  const prefix = `run${runs++}/`
  const committed: (Prediction | JoinedOutcome)[] = []
  const receipts: OutcomeReceipt[] = []
  for (const step of steps) {
    if (step.kind === 'wait') clock.advance(step.durationMs)
    else if (step.kind === 'restart') {
      // A log that is opened looks for outcomes to let go at once: so does one that was not asked for so long.
      clock.advance(60_000)
      await restart()
    } else if (step.kind === 'predictions') {
      const { fresh, joined } = await log.appendPredictions(step.batch.map(item => ofRun(prefix, item)))
      committed.push(...fresh, ...joined)
    } else {
      const appended = await log.appendOutcomes(step.batch.map(item => outcomeOfRun(prefix, item)))
      committed.push(...appended.joined)
      receipts.push(...appended.receipts)
    }
  }
  const joined = committed.filter(item => 'outcome' in item)
  return { committed, joined, receipts, endpoints: endpoints.map(name => prefix + name) }
}

function ofRun(prefix: string, prediction: Prediction): Prediction {
  const { id, endpoint, shadowOf } = prediction
  const ofShadow = shadowOf !== undefined && { shadowOf: prefix + shadowOf }
  return { ...prediction, id: prefix + id, endpoint: prefix + endpoint, ...ofShadow }
}

function outcomeOfRun(prefix: string, outcome: Outcome): Outcome {
  const { id, prediction, endpoints } = outcome
  const bySender = endpoints !== undefined && { endpoints: endpoints.map(name => prefix + name) }
  return { ...outcome, id: prefix + id, prediction: prefix + prediction, ...bySender }
}

const endpoints = ['digits', 'prices']
const label = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('0', '1', 'cat', ''), fc.boolean())

/** A prediction's fields follow from its id, so that a repeated id brings the same prediction. */
function predictionNumbered(number: number): Prediction {
  const version = number % 3 === 0 ? 'v2' : 'v1'
  return aPrediction({
    id: `p${number}`,
    endpoint: endpoints[number % 2] ?? 'digits',
    epoch: number % 4,
    unit: `u${number % 5}`,
    version,
    assigned: number % 7 === 0 ? 'v1' : version,
    pinned: number % 5 === 0,
    answer: number % 4 === 0 ? null : [number % 4, 'cat'],
  })
}

/** What one of two challengers answered to a copy of that request. */
function shadowNumbered(number: number, challenger: string): Prediction {
  const champion = predictionNumbered(number)
  const facts = {
    version: challenger,
    assigned: challenger,
    pinned: false,
    latencyMs: number + 0.5,
    answer: ['cat', number],
  }
  return { ...champion, ...facts, id: shadowIdOf(champion.id, challenger), shadowOf: champion.id }
}

const challenger = fc.constantFrom('v8', 'v9')

const prediction = fc.oneof(
  fc.nat(5).map(predictionNumbered),
  fc.tuple(fc.nat(5), challenger).map(([number, version]) => shadowNumbered(number, version)),
)

/** An outcome that names a shadow waits in vain. */
function outcomeOfShadow(): fc.Arbitrary<Outcome> {
  return fc.tuple(outcome('any'), challenger).map(([one, version]) => ({
    ...one,
    id: shadowIdOf(one.id, version),
    prediction: shadowIdOf(one.prediction, version),
  }))
}

/** Of a sender who may speak of one endpoint alone, the prediction's own or not. */
function outcomeOfSender(): fc.Arbitrary<Outcome> {
  return fc.tuple(outcome('any'), fc.constantFrom(...endpoints)).map(([one, name]) => ({ ...one, endpoints: [name] }))
}

function outcome(labelsPerRow: 1 | 'any'): fc.Arbitrary<Outcome> {
  const place = { number: fc.nat(5), row: fc.nat(2) }
  const value = { label: fc.option(label, { nil: null }), copy: labelsPerRow === 1 ? fc.constant(0) : fc.nat(4) }
  return fc.record({ ...place, ...value }).map(({ number, row, label, copy }) => {
    // One label per row: label and id follow from the place. Otherwise an id may come again with another label.
    const fixed = labelsPerRow === 1 ? number % 4 : label
    const metrics: Record<string, number> = row === 1 ? { clicks: number } : {}
    const reward = row === 2 ? number / 3 : null
    return {
      id: `o${number}.${row}.${copy}`,
      prediction: `p${number}`,
      row,
      label: fixed,
      reward,
      metrics,
      atMs: 5_000 + number,
    }
  })
}

/** With one label per row nothing is ever corrected, and nothing waits long enough to be let go. */
export function someSteps({ labelsPerRow }: { labelsPerRow: 1 | 'any' }): fc.Arbitrary<LogStep[]> {
  const appends: fc.Arbitrary<LogStep>[] = [
    fc.record({ kind: fc.constant('predictions' as const), batch: fc.array(prediction, { maxLength: 6 }) }),
    fc.record({ kind: fc.constant('outcomes' as const), batch: fc.array(outcome(labelsPerRow), { maxLength: 6 }) }),
  ]
  const others: fc.Arbitrary<LogStep>[] = [
    fc.record({ kind: fc.constant('wait' as const), durationMs: fc.nat(8 * 24 * 3600_000) }),
    fc.record({ kind: fc.constant('outcomes' as const), batch: fc.array(outcomeOfShadow(), { maxLength: 2 }) }),
    fc.record({ kind: fc.constant('outcomes' as const), batch: fc.array(outcomeOfSender(), { maxLength: 4 }) }),
    fc.constant({ kind: 'restart' as const }),
  ]
  return fc.array(fc.oneof(...appends, ...(labelsPerRow === 1 ? [] : others)), { maxLength: 16 })
}

/** The names that runs gave to what they appended are taken off. */
export function withoutRuns(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/run\d+\//g, ''))
}
