/** A race while it runs: who is in it, who can serve, and a move of its shares. */
import type { ContextPolicy } from '../bandit/context-policy.ts'
import { weightsWords } from '../bandit/words.ts'
import { limits } from '../limits.ts'
import type { BanditPlan } from '../stage-plans.ts'
import { totalVariationPpm, type Weights } from '../traffic.ts'
import type { StageCommand, StageContext, StageResult } from './strategy.ts'

export type BanditState = {
  kind: 'bandit'
  enteredMs: number
  /** When weights changed last. */
  updatedMs: number
  /** Arms out of the race, with why. */
  retired: Readonly<Record<string, string>>
  /** Their fleets end once the gateway routes by this epoch. */
  leaving: readonly { version: string; epoch: number }[]
  /** Without traffic since their fleets cannot serve: they join once these can. Left out where there are none. */
  resting?: readonly string[]
  /** What the timeline was told last. */
  told: Weights
  says: string
}

/** The arms that have not been retired. */
export function racing({ arms }: BanditPlan, { retired }: Pick<BanditState, 'retired'>): readonly string[] {
  return arms.filter(arm => !Object.hasOwn(retired, arm))
}

export function withResting(state: BanditState, resting: readonly string[]): BanditState {
  const { resting: _before, ...rest } = state
  return resting.length === 0 ? rest : { ...rest, resting }
}

/** New traffic needs a ready fleet; a fleet that starts again after a restart keeps what it had. */
export function canServe(version: string, { fleets, weights }: StageContext): boolean {
  const fleet = fleets[version]
  return fleet === 'ready' || (fleet === 'starting' && (weights[version] ?? 0) > 0)
}

export function move(
  state: BanditState,
  to: { weights: Weights; policy?: ContextPolicy },
  words: { why: readonly string[]; after: string },
): StageResult<BanditState> {
  const { weights } = to
  const commands: StageCommand[] = [{ type: 'set-weights', ...to }]
  if (words.why.length === 0 && totalVariationPpm(state.told, weights) < limits.banditTellPpm)
    return { state, commands }
  const says = [...words.why, `${weightsWords(weights)}${words.after}`].join('; ')
  return { state: { ...state, told: weights, says }, commands }
}
