/** The plans that are weighed: every strategy alone, and those that one release can compose of them. */
import type { StageKind } from '../stage-plans.ts'

export type Option = readonly StageKind[]

/** In the order in which plans of equal weight are told: the more cautious first. */
export const options: readonly Option[] = [
  ['shadow', 'canary'],
  ['shadow', 'canary', 'abTest'],
  ['shadow', 'abTest'],
  ['shadow', 'blueGreen'],
  ['shadow', 'rolling'],
  ['shadow'],
  ['canary'],
  ['canary', 'abTest'],
  ['abTest'],
  ['blueGreen'],
  ['rolling'],
  ['bandit'],
  ['recreate'],
]

const words: Readonly<Record<StageKind, string>> = {
  recreate: 'recreate',
  rolling: 'rolling',
  blueGreen: 'blue-green',
  canary: 'canary',
  shadow: 'shadow',
  abTest: 'A/B test',
  bandit: 'bandit',
}

export function nameOf(option: Option): string {
  return option.map(kind => words[kind]).join(', then ')
}
