/** A release that is over, judged again from what was recorded of it: by its own plan, and by another. */
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { type Course, CourseBook, type End, unknownOf } from '../core/rejudge/course.ts'
import { History, type Standing } from '../core/rejudge/history.ts'
import { isTerminal } from '../core/state.ts'
import type { RecordedEvidence } from '../ports/recorded-evidence.ts'
import { withDefinitions } from './admission/metric-definitions.ts'
import type { ControlPlane, ReleaseRequest } from './control-plane.ts'

export type Rejudged = {
  release: string
  recorded: End
  /** What its own plan says on the same evidence: how far a replay is to be trusted. */
  own: Course
  other: Course
  /** What recorded evidence cannot tell of the other plan, as sentences. */
  unknown: readonly string[]
  predictions: number
}

/** What is asked of the recorded plan instead of another one: margins and levels by metric. */
export type Thresholds = Readonly<Record<string, { margin?: number; alpha?: number }>>

export type Asked = { request: ReleaseRequest } | { thresholds: Thresholds }

type Ports = { control: Pick<ControlPlane, 'events' | 'state'>; evidence: RecordedEvidence }

/** Throws release-not-found, release-state for one that runs, invalid-request for a plan that is not about it. */
export async function rejudge(id: string, asked: Asked, { control, evidence }: Ports): Promise<Rejudged> {
  const standings = historyOf(id, control)
  const end = standings.at(-1)
  if (end === undefined) throw new CutoverError('release-not-found', `there is no release ${id}`)
  const { release } = end
  if (!isTerminal(release))
    throw new CutoverError(
      'release-state',
      `release ${id} is not over; its own verdicts are in \`cutover explain ${id}\``,
    )
  const { spec } = control.state().endpoints[release.plan.endpoint] ?? {}
  if (spec === undefined)
    throw new CutoverError('endpoint-not-found', `the endpoint of ${id}, ${release.plan.endpoint}, is gone`)
  const plan =
    'request' in asked ? planOf(asked.request, release.plan, spec) : withThresholds(release.plan, asked.thresholds)
  const books = { own: new CourseBook(release.plan), other: new CourseBook(plan) }
  const { predictions, isWhole } = await evidence.replay(
    { spec, release, stages: plan.stages, momentsMs: standings.map(({ atMs }) => atMs) },
    (atMs, read) => {
      const standing = standings.findLast(one => one.atMs < atMs)
      if (standing === undefined) return
      const seen = read(standing.release.epochs.map(({ epoch }) => epoch))
      for (const book of Object.values(books)) book.look({ atMs, release: standing.release }, seen)
    },
  )
  if (!isWhole)
    throw new CutoverError(
      'release-state',
      `the first predictions of ${id} are no longer kept: what is left is not the evidence that it rested on. ` +
        '`keep-predictions` of the server says for how long they are',
    )
  if (predictions === 0)
    throw new CutoverError(
      'release-state',
      `nothing is recorded of the predictions of ${id}: there is no evidence to judge again`,
    )
  const isDecided = ({ release: { phase } }: Standing) => phase.kind === 'returning' || phase.kind === 'promoting'
  const recorded = { ...end, decidedMs: standings.find(isDecided)?.atMs ?? end.atMs }
  return {
    release: id,
    recorded,
    own: books.own.read(recorded),
    other: books.other.read(recorded),
    unknown: unknownOf(release.plan, plan),
    predictions,
  }
}

function historyOf(id: string, control: Ports['control']): readonly Standing[] {
  const history = new History(id)
  for (let afterSeq = 0; ; ) {
    const page = control.events({ afterSeq, limit: limits.pageMax })
    history.add(page)
    const last = page.at(-1)
    if (last === undefined) return history.standings
    afterSeq = last.seq
  }
}

type Spec = NonNullable<ReturnType<ControlPlane['state']>['endpoints'][string]>['spec']

/** Its metrics are those that the endpoint declares now. What was planned before the recorded release began stays planned. */
function planOf(request: ReleaseRequest, recorded: ReleasePlan, spec: Spec): ReleasePlan {
  if (request.endpoint !== recorded.endpoint || request.to !== recorded.to)
    throw new CutoverError(
      'invalid-request',
      `the plan moves ${request.endpoint} to ${request.to}, not ${recorded.endpoint} to ${recorded.to}`,
    )
  const defined = withDefinitions(request, spec)
  const stages = defined.stages.map((stage, index) => {
    const was = recorded.stages[index]
    return stage.kind === 'abTest' && was?.kind === 'abTest' && was.hypothesis !== undefined
      ? { ...stage, hypothesis: was.hypothesis }
      : stage.kind === 'bandit' && was?.kind === 'bandit'
        ? { ...stage, arms: was.arms, reward: was.reward }
        : stage
  })
  const { labelWindowMs } = recorded
  return {
    planVersion: 1,
    from: recorded.from,
    ...defined,
    stages,
    ...(labelWindowMs !== undefined && { labelWindowMs }),
  }
}

function withThresholds(plan: ReleasePlan, thresholds: Thresholds): ReleasePlan {
  const checks = [...plan.guardrails, ...plan.signals, ...(plan.goals ?? [])]
  const unknown = Object.keys(thresholds).find(metric => !checks.some(check => check.metric === metric))
  if (unknown !== undefined)
    throw new CutoverError('invalid-request', `the release has no check of ${unknown}`, [
      {
        path: `thresholds.${unknown}`,
        message: 'is no check of the release',
        allowed: checks.map(({ metric }) => metric),
      },
    ])
  const change = <Check extends { metric: string; margin: number; alpha: number }>(check: Check): Check => ({
    ...check,
    ...thresholds[check.metric],
  })
  return {
    ...plan,
    guardrails: plan.guardrails.map(change),
    signals: plan.signals.map(change),
    ...(plan.goals !== undefined && { goals: plan.goals.map(change) }),
  }
}
