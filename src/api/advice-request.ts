/** What people say of their situation, from the wire to the domain; what the endpoint does not have is refused by its path. */
import type { z } from 'zod'
import { parseDurationMs, parsePointsFraction } from '../contract/units.ts'
import type { adviceRequestSchema } from '../contract/wire/advice.ts'
import type { Answers, GroupRule } from '../core/advise/situation.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import { own } from '../core/own.ts'
import type { EndpointState } from '../core/state.ts'

type Request = z.output<typeof adviceRequestSchema>

export function answersOf(request: Request, endpoint: EndpointState): Answers {
  const problems = [
    ...candidateProblems(request, endpoint),
    ...goalProblems(request, endpoint),
    ...baselineProblems(request),
  ]
  if (problems.length > 0) {
    const what = problems.map(({ path, message }) => `${path}: ${message}`).join('; ')
    throw new CutoverError('invalid-request', `the question is not valid: ${what}`, problems)
  }
  const { endpoint: _name, goal, within, groups, harm, baseline, ...plain } = request
  return defined({
    ...plain,
    goal: goal === undefined ? undefined : defined(goal),
    withinMs: within === undefined ? undefined : (parseDurationMs(within) ?? undefined),
    groups: groups?.map((rule): GroupRule => defined(rule)),
    harm: harm === undefined ? undefined : { metric: harm.metric, by: parsePointsFraction(harm.by) ?? 0 },
    baseline: baseline === undefined ? undefined : defined(baseline),
  })
}

type Defined<Values> = { [Key in keyof Values]: Exclude<Values[Key], undefined> }

/** Without the keys that hold nothing. */
function defined<Values extends object>(values: Values): Partial<Defined<Values>> & Defined<RequiredOf<Values>> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Partial<Defined<Values>> & Defined<RequiredOf<Values>>
}

type RequiredOf<Values> = {
  [Key in keyof Values as undefined extends Values[Key] ? never : Key]: Values[Key]
}

function candidateProblems({ candidates = [] }: Request, { spec, stable }: EndpointState): Problem[] {
  const allowed = Object.keys(spec.versions).filter(name => name !== stable)
  if (allowed.length === 0)
    return [{ path: 'candidates', message: `${spec.name} has no version beside ${stable}: declare the new one first` }]
  return candidates.flatMap((value, index): Problem[] => {
    const path = `candidates[${index}]`
    if (candidates.indexOf(value) !== index) return [{ path, message: 'is named twice', value }]
    if (allowed.includes(value)) return []
    const message = value === stable ? 'is the stable version' : `${spec.name} has no such version`
    return [{ path, message, value, allowed }]
  })
}

function goalProblems({ goal }: Request, { spec }: EndpointState): Problem[] {
  if (goal === undefined) return []
  const metric = own(spec.metrics, goal.metric)
  if (metric !== undefined && metric.type !== 'quantile') {
    if (goal.effect === undefined || Number.parseFloat(goal.effect) > 0) return []
    return [{ path: 'goal.effect', message: 'must be above 0', value: goal.effect, allowed: ['2%', '0.5pp'] }]
  }
  const allowed = Object.entries(spec.metrics).flatMap(([name, { type }]) => (type === 'quantile' ? [] : [name]))
  const message =
    metric === undefined ? 'the endpoint declares no such metric' : 'a quantile can be guarded, not be a goal'
  return [{ path: 'goal.metric', message, value: goal.metric, allowed }]
}

function baselineProblems({ baseline }: Request): Problem[] {
  if (baseline === undefined || baseline.deviation !== undefined) return []
  if (baseline.mean > 0 && baseline.mean < 1) return []
  const message = 'is no share between 0 and 1, so it needs its deviation'
  return [{ path: 'baseline.mean', message, value: baseline.mean, allowed: ['0.1', '{"mean": 12, "deviation": 5}'] }]
}
