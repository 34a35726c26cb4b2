/** What a bandit says of itself, for people. */

import type { BanditNumbers } from '../judge/judgement.ts'
import { percent, plain } from '../judge/words.ts'
import type { Weights } from '../traffic.ts'

export function weightsWords(weights: Weights): string {
  const parts = Object.entries(weights).filter(([, ppm]) => ppm > 0)
  return parts.map(([version, ppm]) => `${version} ${Number((ppm / 10_000).toFixed(1))} %`).join(', ')
}

/** The leader beside its strongest rival. */
export function leaderWords({ arms, leader }: Pick<BanditNumbers, 'arms' | 'leader'>): string {
  const rewards = arms.reduce((sum, arm) => sum + arm.rewards, 0)
  const first = arms.find(({ version }) => version === leader)
  if (first === undefined || first.chance === null) return `no arm has enough of ${rewards} rewards to be judged`
  const rivals = arms.filter(arm => arm !== first && arm.chance !== null)
  const rival = rivals.toSorted((a, b) => (b.chance ?? 0) - (a.chance ?? 0))[0]
  const against = rival === undefined ? '' : ` against ${plain(rival.mean)} of ${rival.version}`
  return `${leader} is best with chance ${percent(first.chance)}: reward ${plain(first.mean)}${against}, ${rewards} rewards`
}
