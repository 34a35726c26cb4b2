/** Many simulated releases as one answer: how often each end came, when, and what it cost; right or wrong by the scenario. */
import { normalQuantile } from '../../stats/numerics/special.ts'
import type { ReleasePlan } from '../plan.ts'
import type { Run, RunEnd } from './run.ts'
import type { Scenario } from './scenario.ts'
import { type Truth, truthOf } from './truth.ts'

/** A share of the runs with its interval at 95 %: simulated shares have an error too. */
export type Share = { runs: number; of: number; share: number; lower: number; upper: number }

export type Spread = { mean: number; p10: number; p50: number; p90: number; max: number }

export type Study = {
  runs: number
  ends: Readonly<Record<RunEnd, Share>>
  /** By version. */
  promoted: Readonly<Record<string, Share>>
  /** What is true of each version that was tried. */
  truths: Readonly<Record<string, Truth>>
  /** No version tried does harm, and the release went back all the same. Null where that cannot be. */
  falseAlarms: Share | null
  /** A version was promoted that is worse than its margins allow. Null where none is. */
  misses: Share | null
  /** Time from the start to the decision, of runs that came to one. */
  decidedMs: Spread | null
  /** Units and requests that met a version other than stable, in one run. */
  exposedUnits: Spread
  exposedRequests: Spread
  /** Of these requests, how many fail beyond the rate of the stable version. */
  harmedRequests: Spread
  unserved: Spread
  instanceHours: Spread
  beyondStable: Spread
  /** Why releases went back or waited, the most frequent first. */
  reasons: readonly { end: RunEnd; cause: string; runs: number; example: string }[]
  /** Decisions over time: equal steps from the start to the latest of them. */
  histogram: { stepMs: number; promoted: readonly number[]; back: readonly number[] }
}

const histogramSteps = 20

export function studyOf(plan: ReleasePlan, scenario: Scenario, runs: readonly Run[]): Study {
  const truths = truthsOf(plan, scenario, runs)
  const decided = runs.filter(({ end }) => end !== 'waiting' && end !== 'undecided')
  const share = (count: number) => shareOf(count, runs.length)
  const tried = Object.values(truths)
  const isHarmless = tried.length > 0 && tried.every(truth => truth === 'fine' || truth === 'better')
  const isBack = ({ end }: Run) => end === 'rolled-back'
  const isMiss = ({ promoted }: Run) => promoted !== null && truths[promoted] === 'worse'
  return {
    runs: runs.length,
    ends: endsOf(runs),
    promoted: promotedOf(runs),
    truths,
    falseAlarms: isHarmless ? share(runs.filter(isBack).length) : null,
    misses: tried.includes('worse') ? share(runs.filter(isMiss).length) : null,
    decidedMs: decided.length === 0 ? null : spreadOf(decided.map(({ decidedMs }) => decidedMs)),
    exposedUnits: spreadOf(runs.map(({ exposedUnits }) => exposedUnits)),
    exposedRequests: spreadOf(runs.map(({ exposedRequests }) => exposedRequests)),
    harmedRequests: spreadOf(runs.map(run => harmed(run, scenario, plan.from))),
    unserved: spreadOf(runs.map(({ unserved }) => unserved)),
    instanceHours: spreadOf(runs.map(({ instanceHours }) => instanceHours)),
    beyondStable: spreadOf(runs.map(({ beyondStable }) => beyondStable)),
    reasons: reasonsOf(runs),
    histogram: histogramOf(decided),
  }
}

/** Of the versions that the plan tries. */
function truthsOf(plan: ReleasePlan, scenario: Scenario, runs: readonly Run[]): Record<string, Truth> {
  const named = [plan.to, ...runs.flatMap(({ promoted }) => promoted ?? [])]
  const staged = plan.stages.flatMap(stage => {
    if (stage.kind === 'shadow') return stage.challengers
    if (stage.kind === 'abTest') return stage.variants
    return stage.kind === 'bandit' ? stage.arms : []
  })
  const versions = [...new Set([...named, ...staged])].filter(version => version !== plan.from)
  return Object.fromEntries(versions.map(version => [version, truthOf(plan, scenario, version).truth]))
}

const allEnds: readonly RunEnd[] = ['promoted', 'rolled-back', 'kept', 'waiting', 'undecided']

function endsOf(runs: readonly Run[]): Record<RunEnd, Share> {
  const counted = allEnds.map(end => [end, shareOf(runs.filter(run => run.end === end).length, runs.length)] as const)
  return Object.fromEntries(counted) as Record<RunEnd, Share>
}

function promotedOf(runs: readonly Run[]): Record<string, Share> {
  const versions = [...new Set(runs.flatMap(({ promoted }) => promoted ?? []))].sort()
  const count = (version: string) => runs.filter(({ promoted }) => promoted === version).length
  return Object.fromEntries(versions.map(version => [version, shareOf(count(version), runs.length)]))
}

const confidence = 0.95

/** Interval of Wilson (J. Amer. Statist. Assoc. 22, 1927). */
export function shareOf(count: number, of: number): Share {
  const z = normalQuantile((1 + confidence) / 2)
  const share = of === 0 ? 0 : count / of
  const centre = (share + (z * z) / (2 * of)) / (1 + (z * z) / of)
  const half = (z / (1 + (z * z) / of)) * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of))
  const [lower, upper] = of === 0 ? [0, 1] : [Math.max(0, centre - half), Math.min(1, centre + half)]
  return { runs: count, of, share, lower, upper }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  const mean = sorted.length === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return { mean, p10: at(0.1), p50: at(0.5), p90: at(0.9), max: sorted.at(-1) ?? 0 }
}

/** Expected of what each version answered: chance is the same for the stable version. */
function harmed({ requests }: Run, { versions }: Scenario, stable: string): number {
  const baseRate = versions[stable]?.errorRate ?? 0
  return Object.entries(requests).reduce(
    (sum, [version, count]) => sum + count * Math.max(0, (versions[version]?.errorRate ?? 0) - baseRate),
    0,
  )
}

const reasonsShown = 5

function reasonsOf(runs: readonly Run[]): Study['reasons'] {
  const found = new Map<string, { end: RunEnd; cause: string; runs: number; example: string }>()
  for (const { end, cause, reason } of runs) {
    if (end === 'promoted') continue
    // The metric that a sentence begins with tells reasons apart; its numbers do not.
    const metric = /^[A-Za-z][\w.-]*/.exec(reason)?.[0]
    const about = cause === 'guardrail' && metric !== undefined ? `guardrail ${metric}` : (cause ?? end)
    const known = found.get(`${end} ${about}`) ?? { end, cause: about, runs: 0, example: reason }
    known.runs += 1
    found.set(`${end} ${about}`, known)
  }
  return [...found.values()].toSorted((a, b) => b.runs - a.runs).slice(0, reasonsShown)
}

function histogramOf(decided: readonly Run[]): Study['histogram'] {
  const latest = decided.reduce((most, { decidedMs }) => Math.max(most, decidedMs), 0)
  const stepMs = Math.max(1, Math.ceil(latest / histogramSteps))
  const count = (isIn: (run: Run) => boolean) =>
    Array.from(
      { length: histogramSteps },
      (_, step) =>
        decided.filter(run => isIn(run) && Math.min(histogramSteps - 1, Math.floor(run.decidedMs / stepMs)) === step)
          .length,
    )
  return {
    stepMs,
    promoted: count(({ end }) => end === 'promoted'),
    back: count(({ end }) => end === 'rolled-back' || end === 'kept'),
  }
}
