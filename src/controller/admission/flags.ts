/** The door for flags and segments: what they name must be there, and nothing that is used goes. Throws before anything has changed. */
import { isDeepStrictEqual } from 'node:util'
import { CutoverError, type Problem } from '../../core/errors.ts'
import { type FlagSpec, segmentsNamed } from '../../core/flags/flag.ts'
import { type FlagsState, noFlags, undoTarget } from '../../core/flags/flags-state.ts'
import { usersOfOn, usesOfFlag, variantsUsed } from '../../core/flags/uses.ts'
import { limits } from '../../core/limits.ts'
import { own } from '../../core/own.ts'
import type { ControlState } from '../../core/state.ts'
import type { Beside, Change } from '../control-plane.ts'
import { type Difference, differences } from './differences.ts'
import { refuse } from './refuse.ts'

/** What there is, what arrives with the same request, and the flag itself; looked up, since files of thousands are admitted one by one. */
type Known = {
  flag(name: string): FlagSpec | undefined
  flagNames(): string[]
  /** Exact where it matters. */
  flagCount(): number
  hasSegment(name: string): boolean
  segmentNames(): string[]
}

export function admitFlag(state: ControlState, spec: FlagSpec, beside: Beside): Change {
  const known = knownWith(state.flags ?? noFlags, beside, spec)
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

function knownWith({ flags, segments }: FlagsState, beside: Beside, spec: FlagSpec): Known {
  const [arriving, arrivingSegments] = [byName(beside.flags), byName(beside.segments)]
  const isKnown = (name: string) => Object.hasOwn(flags, name) || arriving.has(name)
  return {
    flag: name => (name === spec.name ? spec : (arriving.get(name) ?? own(flags, name)?.spec)),
    flagNames: () => [...new Set([...Object.keys(flags), ...arriving.keys(), spec.name])],
    flagCount() {
      const standing = Object.keys(flags).length
      if (standing + arriving.size < limits.flagsMax) return standing + arriving.size + 1
      let count = standing + Number(!isKnown(spec.name))
      for (const name of arriving.keys()) if (!Object.hasOwn(flags, name)) count += 1
      return count
    },
    hasSegment: name => Object.hasOwn(segments, name) || arrivingSegments.has(name),
    segmentNames: () => [...new Set([...Object.keys(segments), ...arrivingSegments.keys()])],
  }
}

/** The same list comes with each of its documents. */
function byName<Spec extends { name: string }>(specs: readonly Spec[] = []): ReadonlyMap<string, Spec> {
  const known = named.get(specs) as ReadonlyMap<string, Spec> | undefined
  if (known !== undefined) return known
  const made = new Map(specs.map(spec => [spec.name, spec]))
  named.set(specs, made)
  return made
}

const named = new WeakMap<readonly object[], ReadonlyMap<string, object>>()

function flagProblems(state: ControlState, spec: FlagSpec, known: Known): Problem[] {
  return [
    ...tooMany(known.flagCount(), limits.flagsMax, 'flags'),
    ...segmentsOf(spec).flatMap(([path, segment]) =>
      known.hasSegment(segment) ? [] : [unknownOf(path, 'segment', segment, known.segmentNames())],
    ),
    ...(spec.requires ?? []).flatMap(({ flag, is }, index) =>
      requirementProblems(`requires[${index}]`, { flag, is }, known),
    ),
    ...circleProblems(spec, known),
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

function unknownOf(path: string, what: string, name: string, known: readonly string[]): Problem {
  return { path, message: `there is no such ${what}`, value: name, allowed: known.slice(0, 100) }
}

function requirementProblems(
  path: string,
  requirement: { flag: string; is: readonly string[] },
  known: Known,
): Problem[] {
  const { flag, is } = requirement
  const other = known.flag(flag)
  if (other === undefined) return [unknownOf(`${path}.flag`, 'flag', flag, known.flagNames())]
  const allowed = Object.keys(other.variants)
  const unknown = is.filter(variant => !allowed.includes(variant))
  return unknown.map(value => ({ path: `${path}.is`, message: `is not a variant of ${flag}`, value, allowed }))
}

/** Flags that wait for one another would never be on; rows and bushes of them would make an evaluation long. */
function circleProblems(spec: FlagSpec, known: Known): Problem[] {
  if (spec.requires === undefined) return []
  const circle = circleFrom(spec.name, known, [])
  if (circle !== null) {
    const message = `goes in a circle: ${circle.slice(0, 10).join(' requires ')}`
    return [{ path: 'requires', message, allowed: ['flags that do not require this one'] }]
  }
  const sizes = new Map<string, Size>()
  const { rows, looks } = known
    .flagNames()
    .map(name => sizeOf(name, known, sizes))
    .reduce((a, b) => ({ rows: Math.max(a.rows, b.rows), looks: Math.max(a.looks, b.looks) }))
  const { flagRequirementDepthMax: rowsMax, flagRequirementLooksMax: looksMax } = limits
  const long = { path: 'requires', message: `makes a row of ${rows} flags`, allowed: [`at most ${rowsMax} in a row`] }
  const wide = { path: 'requires', message: `takes ${looks} looks at other flags`, allowed: [`at most ${looksMax}`] }
  return [...(rows > rowsMax ? [long] : []), ...(looks > looksMax ? [wide] : [])]
}

/** The flags of a circle, its first one again at the end; null if there is none. */
function circleFrom(
  name: string,
  known: Known,
  path: readonly string[],
  seen: Set<string> = new Set(),
): string[] | null {
  const at = path.indexOf(name)
  if (at >= 0) return [...path.slice(at), name]
  if (seen.has(name)) return null
  for (const { flag } of known.flag(name)?.requires ?? []) {
    const found = circleFrom(flag, known, [...path, name], seen)
    if (found !== null) return found
  }
  seen.add(name)
  return null
}

/** The longest row of flags that require one another, and the flags that an evaluation may look at. */
type Size = { rows: number; looks: number }

function sizeOf(name: string, known: Known, sizes: Map<string, Size>): Size {
  const found = sizes.get(name)
  if (found !== undefined) return found
  // Documents of one request may hold a circle that is not this flag's: it is told with its own.
  sizes.set(name, { rows: 1, looks: 1 })
  const parts = (known.flag(name)?.requires ?? []).map(({ flag }) => sizeOf(flag, known, sizes))
  const rows = 1 + Math.max(0, ...parts.map(part => part.rows))
  const looks = parts.reduce((sum, part) => sum + part.looks, 1)
  sizes.set(name, { rows, looks })
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
