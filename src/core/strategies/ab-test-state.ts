/** Where an A/B test stands, and what its strategy and its judge both read from that. */
import type { ArmJudgement, CheckResult, Judgement } from '../judge/judgement.ts'
import type { AbTestPlan } from '../stage-plans.ts'

export type AbTestState = {
  kind: 'abTest'
  stable: string
  /** The release's own candidate, and all variants as they began. */
  candidate: string
  variants: readonly string[]
  sinceMs: number
  /** By variant, why. */
  dropped: Readonly<Record<string, string>>
  /** Dropped ones whose fleets end once their traffic has left them. */
  leaving: readonly string[]
  /** The floor of time has passed; the ceiling has. */
  isMature: boolean
  isOver: boolean
  /** What a fixed test's one look has shown to be better, the best first; null before it. */
  shown: readonly string[] | null
  /** Waits for approval. */
  decision: { winner: string; reason: string } | null
  held: boolean
  says: string | null
}

/** Before it is entered. */
export const beforeTest: AbTestState = {
  kind: 'abTest',
  stable: '',
  candidate: '',
  variants: [],
  sinceMs: 0,
  dropped: {},
  leaving: [],
  isMature: false,
  isOver: false,
  shown: null,
  decision: null,
  held: false,
  says: null,
}

/** One alone is the candidate, whichever an earlier stage has chosen. */
export function variantsOf({ variants }: AbTestPlan, candidate: string): readonly string[] {
  return variants.length === 1 ? [candidate] : variants
}

/** Those that still have traffic. */
export function liveOf({ variants, dropped }: Pick<AbTestState, 'variants' | 'dropped'>): readonly string[] {
  return variants.filter(variant => dropped[variant] === undefined)
}

/** Whether this look is one that ends the test: every version has its sample and the floor has passed, or time is over. */
export function isPlannedEnd(
  plan: AbTestPlan,
  state: Pick<AbTestState, 'isMature' | 'isOver' | 'stable'>,
  sizes: Readonly<Record<string, number>>,
): boolean {
  if (state.isOver) return true
  const needed = plan.hypothesis?.needed ?? null
  if (needed === null || !state.isMature) return false
  // A variant that an earlier stage chose takes the place of the one that was planned with.
  const own = (version: string) => needed[version] ?? needed[plan.variants[0] ?? ''] ?? Number.POSITIVE_INFINITY
  return Object.entries(sizes).every(([version, size]) => size >= own(version))
}

/** A variant that still has traffic, with what this look says of it. */
export type Seen = { variant: string; arm: ArmJudgement; goal: CheckResult | undefined }

/** The best estimate first. */
export function armsOf(state: AbTestState, { arms }: Judgement): Seen[] {
  return liveOf(state)
    .flatMap((variant): Seen[] => {
      const arm = arms?.[variant]
      return arm === undefined ? [] : [{ variant, arm, goal: arm.checks.find(({ role }) => role === 'goal') }]
    })
    .toSorted((a, b) => harmOf(a) - harmOf(b))
}

function harmOf({ goal }: Seen): number {
  return goal?.harm.estimate ?? Number.MAX_VALUE
}

export function sizesOf(arms: readonly Pick<Seen, 'goal'>[]): Record<string, number> {
  const sides = arms.flatMap(({ goal }) => (goal === undefined ? [] : [goal.candidate, goal.stable]))
  return Object.fromEntries(sides.map(({ version, trials }) => [version, trials]))
}
