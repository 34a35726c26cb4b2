/** Recorded requests of one version, answered by another too: how often do the two say the same? */
import { limits } from '../../core/limits.ts'
import type { Prediction } from '../../core/prediction.ts'
import type { Trial, TrialReport } from '../../core/trial.ts'
import { ask } from './ask.ts'
import { compareRecorded, type Recorded } from './compare-recorded.ts'
import type { TrialSurroundings } from './surroundings.ts'
import { TrialTally } from './tally.ts'

type ReplayTrial = Extract<Trial, { kind: 'replay' }>

export async function replay(trial: ReplayTrial, around: TrialSurroundings): Promise<TrialReport> {
  const tally = new TrialTally(trial)
  const recorded = await recordedOf(trial, around)
  const queue = recorded.values()
  const lane = async (): Promise<void> => {
    for (const one of queue) {
      if (around.signal.aborted) return
      await sendAgain(one, { trial, tally, around })
    }
  }
  const lanes = Math.min(trial.concurrencyMax, limits.trialConcurrencyMax)
  await Promise.all(Array.from({ length: lanes }, lane))
  return tally.report(outcomeOf(trial, tally, { usable: recorded.length, stopped: around.signal.aborted }))
}

/** The newest ones; those of callers who chose the version themselves are left out, like everywhere in evidence. */
async function recordedOf(trial: ReplayTrial, { predictions, spec }: TrialSurroundings): Promise<readonly Recorded[]> {
  const query = {
    endpoint: spec.name,
    version: trial.against,
    withPayload: true,
    shadows: false,
    limit: limits.payloadsReadMax,
  } as const
  const found = await predictions.find(query)
  return found
    .map(({ prediction }) => prediction)
    .filter((one): one is Recorded => canBeSentAgain(one, trial))
    .slice(0, trial.requests)
}

function canBeSentAgain({ payload, pinned, failed, status }: Prediction, { methods, paths }: ReplayTrial): boolean {
  const sent = payload?.sent
  if (sent === undefined || pinned || failed || status < 200 || status > 299) return false
  return methods.includes(sent.method) && (paths === null || paths.some(prefix => sent.path.startsWith(prefix)))
}

async function sendAgain(
  recorded: Recorded,
  { trial, tally, around }: { trial: ReplayTrial; tally: TrialTally; around: TrialSurroundings },
): Promise<void> {
  const { id, payload } = recorded
  const { method, path, headers } = payload.sent
  const body = payload.request.byteLength === 0 ? null : payload.request
  const asked = await ask(trial.version, { kind: 'replay', method, path, headers, body }, around)
  if (asked.state === 'stopped') return
  tally.send()
  if (asked.state === 'failed') {
    tally.differ({ prediction: id, reason: asked.reason, expected: textOf(payload.response), answered: 'nothing' })
    return
  }
  if (asked.status < 200 || asked.status > 299) {
    const answered = `status ${asked.status}: ${textOf(asked.body)}`
    tally.differ({
      prediction: id,
      reason: `status ${asked.status}`,
      expected: `status ${recorded.status}: ${textOf(payload.response)}`,
      answered,
    })
    return
  }
  tally.answer(asked.tookMs)
  const comparison = compareRecorded(trial.comparator, { recorded, asked, spec: around.spec })
  if (comparison === null) return
  if (comparison.agrees) tally.agree()
  else
    tally.differ({
      prediction: id,
      reason: 'another answer',
      expected: comparison.expected,
      answered: comparison.answered,
    })
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 4 * limits.trialExampleChars))
}

function outcomeOf(
  { version, against, requests }: ReplayTrial,
  { sent, compared, agreed }: TrialTally,
  { usable, stopped }: { usable: number; stopped: boolean },
): string {
  if (usable === 0)
    return `no recorded request of ${against} can be sent again: it takes payload-sample, a method that is replayed, and a path without a query`
  const few = usable < requests ? `; only ${usable} of ${requests} were recorded` : ''
  const broken = stopped ? `; broken off after ${sent} of ${usable}` : ''
  const unread = compared < sent ? `; ${sent - compared} could not be compared` : ''
  return `${agreed} of ${compared} recorded requests of ${against} were answered alike by ${version}${unread}${few}${broken}`
}
