/** Flags in words: what is served, to whom, from when. What it says was decided by the server; nothing is computed here. */
import type { WireExplanation, WireFlag, WireFlagChange } from '../../../src/contract/wire/flag.ts'
import { percent } from '../../../src/contract/words/quantities.ts'

export type Serving = NonNullable<WireFlag['serving']>
type Rule = WireFlag['rules'][number]
type Step = WireFlag['schedule'][number]

export type FlagStanding = { word: 'On' | 'Off' | 'Killed'; tone: 'good' | 'plain' | 'bad'; means: string }

/** Killed: the switch. Off: nobody gets more than the false variant, or a planned step will switch it on. */
export function standingOf(flag: WireFlag): FlagStanding {
  const off = flag.off === null ? 'the value in the code' : flag.off
  if (!flag.enabled) {
    const isPlanned = flag.schedule.some(({ past, enabled }) => !past && enabled === true)
    return isPlanned
      ? { word: 'Off', tone: 'plain', means: `Everybody gets ${off} until it is switched on by its schedule.` }
      : { word: 'Killed', tone: 'bad', means: `Switched off: everybody gets ${off}.` }
  }
  const served = flag.serving?.variant ?? null
  const isPlain = flag.rules.length === 0 && flag.targeting === null
  if (isPlain && served !== null && flag.variants[served] === false)
    return { word: 'Off', tone: 'plain', means: `Switched on, and ${served} for everybody.` }
  if (!isPlain) return { word: 'On', tone: 'good', means: 'Its rules decide who gets what.' }
  const all = served === null ? 'Shared out by percentage.' : `${served} for everybody.`
  return { word: 'On', tone: 'good', means: flag.serving === null ? 'Everybody gets the value in the code.' : all }
}

export function servingWords(serving: Serving | null): string {
  if (serving === null) return 'the value in the code'
  if (serving.weightsPpm === null) return serving.variant ?? 'the value in the code'
  const shares = Object.entries(serving.weightsPpm).map(([variant, ppm]) => `${variant} ${percent(ppm)}`)
  return `${listed(shares)}${serving.by === null ? '' : `, by ${serving.by}`}`
}

/** `When plan in pro, team and country in DE: on`. */
export function ruleSentence({ when, serving }: Pick<Rule, 'when' | 'serving'>): string {
  const who = when.length === 0 ? 'For everybody' : `When ${when.join(' and ')}`
  return `${who}: ${servingWords(serving)}`
}

export function stepWords({ rule, serving, enabled }: Pick<Step, 'rule' | 'serving' | 'enabled'>): string {
  const where = rule === null ? '' : ` where the rule ${rule} fits`
  const parts = [
    ...(enabled === null ? [] : [enabled ? 'switched on' : 'switched off']),
    ...(serving === null ? [] : [`${servingWords(serving)}${where}`]),
  ]
  return parts.join(', then ')
}

/** The first one that is still to come. */
export function nextStep({ schedule }: Pick<WireFlag, 'schedule'>): Step | null {
  return schedule.find(({ past }) => !past) ?? null
}

const done: Readonly<Record<WireFlagChange['how'], string>> = {
  applied: 'changed it',
  undone: 'took the last change back',
  deleted: 'deleted it',
}

/** After the name of who did it. Notes of the server's own (`disabled: …`, `back to …`) are worked in. */
export function changeWords(change: Omit<WireFlagChange, 'at' | 'by'>): string {
  const { how, note } = change
  if (how === 'undone' && note !== null) return `brought it ${note}`
  const what = how === 'applied' ? appliedWords(change) : done[how]
  const why = note?.replace(/^(en|dis)abled(: |$)/, '') ?? ''
  return why === '' ? what : `${what}: ${why}`
}

function appliedWords({ revision, differences }: Pick<WireFlagChange, 'revision' | 'differences'>): string {
  const [first, ...more] = differences
  if (first?.path === 'enabled' && more.length === 0) return first.after === true ? 'switched it on' : 'switched it off'
  return revision === 1 ? 'made it' : done.applied
}

const reasons: Readonly<Record<WireExplanation['reason'], string>> = {
  STATIC: 'everybody gets it',
  DEFAULT: 'no rule fits',
  TARGETING_MATCH: 'a rule fits',
  SPLIT: 'by its share of a rollout',
  DISABLED: 'it is switched off, or a flag that it requires is',
  ERROR: 'it could not be evaluated',
}

export function reasonWords(reason: WireExplanation['reason']): string {
  return reasons[reason]
}

/** By name, description, type, variant, metadata; every word of the text must be found. */
export function matching(flags: readonly WireFlag[], text: string): WireFlag[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== '')
  return flags.filter(flag => {
    const found = searched(flag)
    return words.every(word => found.includes(word))
  })
}

function searched({ name, description, type, variants, metadata, usedBy, ...flag }: WireFlag): string {
  const users = usedBy.map(one => `${one.kind} ${one.name}`)
  const parts = [name, description ?? '', type, ...Object.keys(variants), ...Object.values(metadata), ...users]
  return [...parts, standingOf({ ...flag, name, description, type, variants, metadata, usedBy }).word]
    .join('\n')
    .toLowerCase()
}

export function listed(parts: readonly string[]): string {
  const last = parts.at(-1)
  return parts.length < 2 || last === undefined ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${last}`
}
