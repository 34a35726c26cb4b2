/** Smoke requests, one after another; each must be answered as its author expects. */
import type { SmokeRequest } from '../../core/stage-plans.ts'
import type { Trial, TrialExample, TrialReport } from '../../core/trial.ts'
import { type Asked, ask } from './ask.ts'
import type { TrialSurroundings } from './surroundings.ts'
import { TrialTally } from './tally.ts'

type SmokeTrial = Extract<Trial, { kind: 'smoke' }>

export async function smoke(trial: SmokeTrial, around: TrialSurroundings): Promise<TrialReport> {
  const tally = new TrialTally(trial)
  for (const request of trial.requests) {
    const { method, path, headers, body } = request
    const bytes = body === null ? null : Buffer.from(body)
    const sent = { kind: 'smoke', method, path, headers: Object.entries(headers), body: bytes } as const
    tally.send()
    const asked = await ask(trial.version, sent, around)
    if (asked.state === 'stopped') return tally.report(`broken off: ${outcomeOf(trial, tally)}`)
    if (asked.state === 'answered' && asked.status < 500) tally.answer(asked.tookMs)
    const wrong = faultOf(request, asked)
    if (wrong === null) tally.agree()
    else tally.differ(wrong)
  }
  return tally.report(outcomeOf(trial, tally))
}

function outcomeOf({ requests, version }: SmokeTrial, tally: TrialTally): string {
  return `${version} answered ${tally.agreed} of ${requests.length} as expected`
}

/** What is wrong with the answer; null if nothing is. */
function faultOf({ method, path, expect }: SmokeRequest, asked: Exclude<Asked, { state: 'stopped' }>) {
  const { statuses, within, contains } = expect
  const fault = (what: string, expected: string, answered: string): TrialExample => ({
    prediction: null,
    reason: `${method} ${path}: ${what}`,
    expected,
    answered,
  })
  const expected = `status ${statuses.join(' or ')}`
  if (asked.state === 'failed') return fault(asked.reason, expected, 'nothing')
  const text = new TextDecoder().decode(asked.body)
  if (!statuses.includes(asked.status))
    return fault(`status ${asked.status}`, expected, `status ${asked.status}: ${text}`)
  if (within !== null && asked.tookMs > within)
    return fault('too slow', `within ${within} ms`, `after ${Math.round(asked.tookMs)} ms`)
  if (contains !== null && !text.includes(contains)) return fault('another answer', `contains ${contains}`, text)
  return null
}
