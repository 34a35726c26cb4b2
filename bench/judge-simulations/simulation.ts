/** One simulated release, judged by the real judge while its observations become known. */
import type { EpochEvidence } from '../../src/core/evidence.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { GoalCheck, MetricCheck } from '../../src/core/metric-check.ts'
import type { ReleaseState } from '../../src/core/state.ts'
import { type Random, randomFrom } from '../../src/stats/numerics/random.ts'
import { runningRelease } from '../../test/support/evidence.ts'

/** Observations of a release as they become known, and the evidence that they make. */
export interface Stream {
  /** The next observation enters the evidence. */
  next(): void
  /** The step of the ramp that the release is in, from 0. */
  readonly step: number
  /** What the judge reads now. */
  read(): EpochEvidence[]
  /** Whether the evidence of either check may have reached `threshold` (nats): false only if it cannot have. */
  mayReach(threshold: number): boolean
  /** The z of harm by a test for one look; 0 while there is too little for it. */
  plainZ(): number
}

export type Scenario = {
  readonly name: string
  readonly observations: number
  /** The candidate's share of the traffic, step by step; the steps are equally long. */
  readonly shares: readonly number[]
  readonly guardrail: MetricCheck
  readonly goal: GoalCheck
  /** Looked at after every observation to the end. */
  readonly everyObservation?: boolean
  /** Runs of this scenario to one run that is asked for; below 1 where a run takes long. */
  readonly runsShare?: number
  /** The release that is judged; a canary with these shares if it is left out. */
  readonly release?: ReleaseState
  open(random: Random): Stream
}

/** After how many observations each happened, null for never. */
export type Course = { guardrailAt: number | null; goalAt: number | null; plainAt: number | null }

/** Up to this many observations every one is followed by a look, then every further hundredth of what is there. */
const everyLookUntil = 1_000

export type SimulationOptions = {
  /** Every look is put to the judge, whether it can tell anything or not. */
  allLooks?: boolean
  /** The run ends with this alarm, whatever becomes of the other. */
  only?: 'guardrail' | 'goal'
}

/**
 * Looks that can tell nothing are not put to the judge unless `allLooks` is set: those at which a bound of the evidence,
 * by the same functions that the judge calls, is below log(1 / alpha). A test compares both ways.
 */
export function simulate(scenario: Scenario, seed: number, options: SimulationOptions = {}): Course {
  const { observations, everyObservation = false } = scenario
  const stream = scenario.open(randomFrom(seed))
  const releases = releasesOf(scenario)
  const threshold = -Math.log(Math.max(scenario.guardrail.alpha, scenario.goal.alpha))
  const course: Course = { guardrailAt: null, goalAt: null, plainAt: null }
  let nextLook = 1
  for (let n = 1; n <= observations; n += 1) {
    stream.next()
    if (n < nextLook && n < observations) continue
    nextLook = everyObservation || n < everyLookUntil ? n + 1 : Math.ceil(n * 1.01)
    if (stream.plainZ() >= plainCritical) course.plainAt ??= n
    if (options.allLooks !== true && n < observations && !stream.mayReach(threshold)) continue
    const release = releases[stream.step]
    if (release !== undefined) note(course, n, verdicts(release, stream.read()))
    if (isOver(course, options)) break
  }
  return course
}

function isOver({ guardrailAt, goalAt, plainAt }: Course, { only }: SimulationOptions): boolean {
  if (only === 'guardrail') return guardrailAt !== null
  if (only === 'goal') return goalAt !== null
  return guardrailAt !== null && goalAt !== null && plainAt !== null
}

/** Of a one-sided test at 5 %. */
export const plainCritical = 1.6448536269514722

/** The release in each of its steps: those to come are not known to the judge. */
function releasesOf({ shares, guardrail, goal, release }: Scenario): ReleaseState[] {
  if (release !== undefined) return [release]
  const percents = shares.map(share => 100 * share)
  return percents.map((_, step) =>
    runningRelease(percents.slice(0, step + 1), { guardrails: [guardrail], goals: [goal] }),
  )
}

function verdicts(release: ReleaseState, evidence: EpochEvidence[]): { fails: boolean; passes: boolean } {
  const { checks } = judge(release, evidence)
  return {
    fails: checks.some(check => check.role === 'guardrail' && check.verdict === 'fail'),
    passes: checks.some(check => check.role === 'goal' && check.verdict === 'pass'),
  }
}

function note(course: Course, n: number, { fails, passes }: { fails: boolean; passes: boolean }): void {
  if (fails) course.guardrailAt ??= n
  if (passes) course.goalAt ??= n
}

/** How often each alarm is raised at any look. */
export type Frequencies = { runs: number; guardrail: number; goal: number; plain: number }

export function frequenciesOf(scenario: Scenario, runsAsked: number): Frequencies {
  const runs = Math.max(1, Math.round(runsAsked * (scenario.runsShare ?? 1)))
  const found = { runs, guardrail: 0, goal: 0, plain: 0 }
  for (let seed = 1; seed <= runs; seed += 1) {
    const course = simulate(scenario, seed)
    if (course.guardrailAt !== null) found.guardrail += 1
    if (course.goalAt !== null) found.goal += 1
    if (course.plainAt !== null) found.plain += 1
  }
  return found
}

/** What a rate of false alarms at `alpha` stays below in all but one of 700 tables. */
export function boundOf(alpha: number, runs: number): number {
  return alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs)
}
