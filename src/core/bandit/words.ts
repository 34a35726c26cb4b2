/** What a bandit says of itself, for people. */

import type { BanditNumbers } from '../judge/judgement.ts'
import { percent, plain } from '../judge/words.ts'
import type { Weights } from '../traffic.ts'

export function weightsWords(weights: Weights): string {
  const parts = Object.entries(weights).filter(([, ppm]) => ppm > 0)
  return parts.map(([version, ppm]) => `${version} ${Number((ppm / 10_000).toFixed(1))} %`).join(', ')
}

/** The leader beside its strongest rival. */
export function leaderWords(numbers: Pick<BanditNumbers, 'arms' | 'leader' | 'context'>): string {
  const { arms, leader } = numbers
  const rewards = arms.reduce((sum, arm) => sum + arm.rewards, 0)
  const first = arms.find(({ version }) => version === leader)
  if (first === undefined || first.chance === null) return `no arm has enough of ${rewards} rewards to be judged`
  const rivals = arms.filter(arm => arm !== first && arm.chance !== null)
  const rival = rivals.toSorted((a, b) => (b.chance ?? 0) - (a.chance ?? 0))[0]
  // Alone it has a chance of 100 %, which says nothing of arms that nothing is known of yet.
  if (rival === undefined && arms.length > 1)
    return `only ${leader} has enough rewards to be judged: reward ${plain(first.mean)}, ${rewards} rewards in all${contextWords(numbers)}`
  const against = rival === undefined ? '' : ` against ${plain(rival.mean)} of ${rival.version}`
  return `${leader} is best with chance ${percent(first.chance)}: reward ${plain(first.mean)}${against}, ${rewards} rewards${contextWords(numbers)}`
}

/** What choosing by features earns beside the leader alone. */
function contextWords({ context, leader }: Pick<BanditNumbers, 'leader' | 'context'>): string {
  if (context === undefined) return ''
  if (context.chance === null) return `; chosen by features: ${context.rewards} rewards, too few to be judged`
  const { chosen, leader: alone, chance } = context
  return `; chosen by features: reward ${plain(chosen.mean)} against ${plain(alone.mean)} of ${leader} alone, better with chance ${percent(chance)}`
}
