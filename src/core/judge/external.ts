/** A number that another system measures against its bound: so many readings in a row beyond it are a breach. */

import { publicName } from '../control-fleet.ts'
import { assertNever } from '../errors.ts'
import type { ExternalBound, Reading } from '../external-metric.ts'
import type { Measure, MetricCheck } from '../metric-check.ts'
import type { CheckContext } from './checks.ts'
import { noHarm } from './harm.ts'
import type { CheckResult, Role, SideNumbers } from './judgement.ts'
import { plain } from './words.ts'

type External = Extract<Measure, { kind: 'external' }>

export function runExternal(check: MetricCheck, role: Role, context: CheckContext, measure: External): CheckResult {
  const byVersion = context.readings[check.metric] ?? {}
  const candidate = byVersion[context.sides.candidate] ?? []
  // Other systems know the version; they have not heard of its control.
  const stable = byVersion[publicName(context.sides.stable)] ?? []
  return {
    check,
    role,
    ...decideExternal(check.metric, { candidate, stable }, measure),
    candidate: sideOf(context.sides.candidate, candidate),
    stable: sideOf(context.sides.stable, stable),
    harm: noHarm,
    logEvidence: null,
    method: `${measure.failures} readings in a row beyond the bound; no claim about chance`,
    strata: [],
    readings: { candidate, stable },
  }
}

type Sides = { candidate: readonly Reading[]; stable: readonly Reading[] }

function decideExternal(
  name: string,
  readings: Sides,
  { bound, failures, missing }: External,
): Pick<CheckResult, 'verdict' | 'reason'> {
  const last = readings.candidate.at(-1)
  if (last === undefined) return { verdict: 'insufficient', reason: `${name}: nothing has been read yet` }
  if (last.value === null) {
    const reason = `${name}: the last reading is missing: ${last.detail}`
    return missing === 'pass' ? { verdict: 'pass', reason } : { verdict: 'insufficient', reason }
  }
  const beyond = trailing(readings, bound)
  const words = `${name} ${plain(last.value)}, ${boundText(bound, readings)}`
  if (beyond === null) return { verdict: 'insufficient', reason: `${words}: the stable version has no reading` }
  if (beyond >= failures) return { verdict: 'fail', reason: `${words}: beyond it ${beyond} times in a row` }
  if (beyond > 0)
    return { verdict: 'insufficient', reason: `${words}: beyond it ${beyond} of ${failures} times in a row` }
  return { verdict: 'pass', reason: `${words}: within it` }
}

/** How many of the newest readings in a row are beyond the bound; a missing one neither counts nor breaks the row. */
function trailing({ candidate, stable }: Sides, bound: ExternalBound): number | null {
  const limit = limitOf(bound, stable)
  if (limit === null) return null
  const known = candidate.flatMap(({ value }) => (value === null ? [] : [value]))
  const isBeyond = (value: number): boolean => (bound.kind === 'min' ? value < limit : value > limit)
  return known.length - 1 - known.findLastIndex(value => !isBeyond(value))
}

function limitOf(bound: ExternalBound, stable: readonly Reading[]): number | null {
  switch (bound.kind) {
    case 'max':
    case 'min':
      return bound.bound
    case 'margin': {
      const value = stable.findLast(reading => reading.value !== null)?.value ?? null
      if (value === null) return null
      return bound.scale === 'absolute' ? value + bound.margin : value + Math.abs(value) * bound.margin
    }
    default:
      return assertNever(bound)
  }
}

function boundText(bound: ExternalBound, { stable }: Sides): string {
  const limit = limitOf(bound, stable)
  if (bound.kind !== 'margin') return `${bound.kind === 'max' ? 'at most' : 'at least'} ${plain(bound.bound)}`
  return limit === null ? 'compared with the stable version' : `at most ${plain(limit)} by the stable version's value`
}

function sideOf(version: string, readings: readonly Reading[]): SideNumbers {
  const known = readings.filter(({ value }) => value !== null)
  return { version, trials: known.length, events: null, value: known.at(-1)?.value ?? null }
}
