/** The door for flags and segments: what they name must be there, and nothing that is used goes. Throws before anything has changed. */
import { isDeepStrictEqual } from 'node:util'
import { CutoverError, type Problem } from '../../core/errors.ts'
import { type FlagSpec, type SegmentSpec, segmentsNamed } from '../../core/flags/flag.ts'
import { type FlagsState, noFlags, undoTarget } from '../../core/flags/flags-state.ts'
import { usersOfOn, usesOfFlag, variantsUsed } from '../../core/flags/uses.ts'
import { limits } from '../../core/limits.ts'
import { own } from '../../core/own.ts'
import type { ControlState } from '../../core/state.ts'
import type { Beside, Change } from '../control-plane.ts'
import { type Difference, differences } from './differences.ts'
import { refuse } from './refuse.ts'

type Known = { flags: Readonly<Record<string, FlagSpec>>; segments: Readonly<Record<string, SegmentSpec>> }

export function admitFlag(state: ControlState, spec: FlagSpec, beside: Beside): Change {
  const known = knownWith(state.flags ?? noFlags, { ...beside, flags: [...(beside.flags ?? []), spec] })
  refuse(flagProblems(state, spec, known), 'invalid-resource', `flag ${spec.name} cannot become this`)
  return changeOf(`Flag/${spec.name}`, own((state.flags ?? noFlags).flags, spec.name)?.spec, spec)
}

/** What the undo would bring back, checked like a document. Throws where there is nothing to take back. */
export function admitUndo(state: ControlState, name: string): { change: Change; note: string } {
  const flags = state.flags ?? noFlags
  const target = undoTarget(flags, name)
  const isThere = own(flags.flags, name) !== undefined
  if (target === null) throw isThere ? nothingToTakeBack(`flag ${name}`) : flagNotFound(flags, name)
  return { change: admitFlag(state, target.spec, {}), note: undoNote(target, isThere) }
}

export function nothingToTakeBack(what: string): CutoverError {
  return new CutoverError('invalid-request', `${what} has no change before the last one; delete it to be without it`)
}

export function undoNote({ revision }: { revision: number }, isThere: boolean): string {
  return isThere ? `back to revision ${revision}` : 'back from its deletion'
}

export function admitFlagDeletion(state: ControlState, name: string): void {
  const flags = state.flags ?? noFlags
  if (own(flags.flags, name) === undefined) throw flagNotFound(flags, name)
  refuseUsed(`flag ${name}`, usesOfFlag(state, name))
}

export function refuseUsed(what: string, users: readonly string[]): void {
  if (users.length > 0) throw new CutoverError('in-use', `${what} is used by ${users.slice(0, 10).join(', ')}`)
}

export function flagNotFound({ flags }: FlagsState, name: string): CutoverError {
  const allowed = Object.keys(flags).slice(0, 100)
  return new CutoverError('flag-not-found', `there is no flag ${name}`, [
    { path: 'flag', message: 'not found', value: name, allowed },
  ])
}

function knownWith({ flags, segments }: FlagsState, beside: Beside): Known {
  const standing = Object.entries(flags).map(([name, { spec }]) => [name, spec] as const)
  const arriving = (beside.flags ?? []).map(spec => [spec.name, spec] as const)
  const arrivingSegments = (beside.segments ?? []).map(spec => [spec.name, spec] as const)
  return {
    flags: Object.fromEntries([...standing, ...arriving]),
    segments: Object.fromEntries([...Object.entries(segments), ...arrivingSegments]),
  }
}

function flagProblems(state: ControlState, spec: FlagSpec, known: Known): Problem[] {
  return [
    ...tooMany(Object.keys(known.flags).length, limits.flagsMax, 'flags'),
    ...segmentsOf(spec).flatMap(([path, segment]) => unknownOf(path, 'segment', segment, known.segments)),
    ...(spec.requires ?? []).flatMap(({ flag, is }, index) =>
      requirementProblems(`requires[${index}]`, { flag, is }, known),
    ),
    ...circleProblems(spec, known.flags),
    ...variantProblems(state, spec),
    ...typeProblems(state, spec),
  ]
}

export function tooMany(count: number, most: number, what: string): Problem[] {
  return count <= most ? [] : [{ path: '', message: `there would be ${count} ${what}`, allowed: [`at most ${most}`] }]
}

export function segmentsOf({ rules = [] }: FlagSpec): (readonly [string, string])[] {
  return rules.flatMap(({ when }, index) => segmentsNamed(when).map(name => [`rules[${index}].when`, name] as const))
}

function unknownOf(path: string, what: string, name: string, known: Readonly<Record<string, unknown>>): Problem[] {
  if (Object.hasOwn(known, name)) return []
  return [{ path, message: `there is no such ${what}`, value: name, allowed: Object.keys(known).slice(0, 100) }]
}

function requirementProblems(
  path: string,
  requirement: { flag: string; is: readonly string[] },
  known: Known,
): Problem[] {
  const { flag, is } = requirement
  const other = own(known.flags, flag)
  if (other === undefined) return unknownOf(`${path}.flag`, 'flag', flag, known.flags)
  const allowed = Object.keys(other.variants)
  const unknown = is.filter(variant => !allowed.includes(variant))
  return unknown.map(value => ({ path: `${path}.is`, message: `is not a variant of ${flag}`, value, allowed }))
}

/** Flags that wait for one another would never be on; rows and bushes of them would make an evaluation long. */
function circleProblems(spec: FlagSpec, flags: Readonly<Record<string, FlagSpec>>): Problem[] {
  if (spec.requires === undefined) return []
  const circle = circleFrom(spec.name, flags, [])
  if (circle !== null) {
    const message = `goes in a circle: ${circle.slice(0, 10).join(' requires ')}`
    return [{ path: 'requires', message, allowed: ['flags that do not require this one'] }]
  }
  const sizes = new Map<string, Size>()
  const { rows, looks } = Object.keys(flags)
    .map(name => sizeOf(name, flags, sizes))
    .reduce((a, b) => ({ rows: Math.max(a.rows, b.rows), looks: Math.max(a.looks, b.looks) }))
  const { flagRequirementDepthMax: rowsMax, flagRequirementLooksMax: looksMax } = limits
  const long = { path: 'requires', message: `makes a row of ${rows} flags`, allowed: [`at most ${rowsMax} in a row`] }
  const wide = { path: 'requires', message: `takes ${looks} looks at other flags`, allowed: [`at most ${looksMax}`] }
  return [...(rows > rowsMax ? [long] : []), ...(looks > looksMax ? [wide] : [])]
}

/** The flags of a circle, its first one again at the end; null if there is none. */
function circleFrom(
  name: string,
  flags: Readonly<Record<string, FlagSpec>>,
  path: readonly string[],
  seen: Set<string> = new Set(),
): string[] | null {
  const at = path.indexOf(name)
  if (at >= 0) return [...path.slice(at), name]
  if (seen.has(name)) return null
  for (const { flag } of own(flags, name)?.requires ?? []) {
    const found = circleFrom(flag, flags, [...path, name], seen)
    if (found !== null) return found
  }
  seen.add(name)
  return null
}

/** The longest row of flags that require one another, and the flags that an evaluation may look at. */
type Size = { rows: number; looks: number }

function sizeOf(name: string, flags: Readonly<Record<string, FlagSpec>>, known: Map<string, Size>): Size {
  const found = known.get(name)
  if (found !== undefined) return found
  // Documents of one request may hold a circle that is not this flag's: it is told with its own.
  known.set(name, { rows: 1, looks: 1 })
  const parts = (own(flags, name)?.requires ?? []).map(({ flag }) => sizeOf(flag, flags, known))
  const rows = 1 + Math.max(0, ...parts.map(part => part.rows))
  const looks = parts.reduce((sum, part) => sum + part.looks, 1)
  known.set(name, { rows, looks })
  return { rows, looks }
}

/** Variants that others ask for must stay. */
function variantProblems(state: ControlState, spec: FlagSpec): Problem[] {
  const missing = variantsUsed(state, spec.name).filter(({ variant }) => !Object.hasOwn(spec.variants, variant))
  return missing.map(({ variant, by }) => ({
    path: 'variants',
    message: `${by} asks for the variant ${variant}`,
    allowed: [...Object.keys(spec.variants), variant],
  }))
}

/** Only a boolean flag is on or off: of another type it would let nobody pass, for ever. */
function typeProblems(state: ControlState, { name, type }: FlagSpec): Problem[] {
  if (type === 'boolean') return []
  return usersOfOn(state, name).map(by => ({
    path: 'type',
    message: `${by} asks whether the flag is on`,
    value: type,
    allowed: ['boolean'],
  }))
}

export function changeOf<Spec extends object>(
  resource: string,
  before: Spec | undefined,
  after: Spec,
  differ: (before: Spec | undefined, after: Spec) => Difference[] = differences,
): Change {
  if (before === undefined) return { action: 'created', resource, differences: differ(undefined, after), note: null }
  const found = isDeepStrictEqual(before, after) ? [] : differ(before, after)
  return { action: found.length === 0 ? 'unchanged' : 'updated', resource, differences: found, note: null }
}
