/** Flags in text for people. */
import type {
  WireExplanation,
  WireFlag,
  WireFlagChange,
  WireSegment,
  WireSegmentChange,
} from '../contract/wire/flag.ts'
import { percent } from '../contract/words/quantities.ts'
import { type Paint, printable, table } from './text.ts'

type Serving = WireFlag['serving']

export function flagTable(items: readonly WireFlag[]): string {
  const rows = items.map(one => [
    one.name,
    one.type,
    one.enabled ? 'on' : 'off',
    servingText(one.serving),
    one.targeting === null ? String(one.rules.length) : 'targeting',
    String(one.revision),
    `${one.changedBy} ${one.changedAt}`,
  ])
  return table(['NAME', 'TYPE', 'SWITCH', 'SERVES', 'RULES', 'REVISION', 'CHANGED'], rows)
}

export function segmentTable(items: readonly WireSegment[]): string {
  const rows = items.map(one => [
    one.name,
    String(one.include.length),
    String(one.exclude.length),
    one.when.join(' and ') || '-',
    one.usedBy.join(', ') || '-',
    String(one.revision),
  ])
  return table(['NAME', 'INCLUDES', 'EXCLUDES', 'WHEN', 'USED BY', 'REVISION'], rows)
}

export function servingText(serving: Serving): string {
  if (serving === null) return 'the value in the code'
  if (serving.weightsPpm === null) return serving.variant ?? '-'
  const shares = Object.entries(serving.weightsPpm).map(([variant, ppm]) => `${variant} ${percent(ppm)}`)
  return `${shares.join(', ')}${serving.by === null ? '' : ` by ${serving.by}`}`
}

export function flagText(flag: WireFlag, changes: readonly WireFlagChange[], paint: Paint): string {
  const variants = Object.entries(flag.variants).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
  const lines = [
    `${flag.name} (${flag.type}): ${flag.enabled ? paint('green', 'on') : paint('red', 'off')}, serves ${servingText(flag.serving)}`,
    ...(flag.description === null ? [] : [`  ${flag.description}`]),
    `  variants: ${variants.join(', ')}`,
    `  off: ${flag.off ?? 'the value in the code'}`,
    `  unit: ${flag.unit}, salt ${flag.salt}`,
    ...flag.requires.map(({ flag: other, is }) => `  requires ${other}: ${is.join(' or ')}`),
    ...flag.rules.map(
      ({ name, when, serving }) => `  rule ${name}: ${when.join(' and ') || 'everybody'} -> ${servingText(serving)}`,
    ),
    ...(flag.targeting === null ? [] : [`  targeting: ${JSON.stringify(flag.targeting)}`]),
    ...flag.schedule.map(stepText),
  ]
  return `${lines.map(printable).join('\n')}\n\n${historyText(changes)}`
}

function stepText({ at, rule, serving, enabled, past }: WireFlag['schedule'][number]): string {
  const where = rule === null ? '' : ` of rule ${rule}`
  const what = [
    ...(serving === null ? [] : [`${servingText(serving)}${where}`]),
    ...(enabled === null ? [] : [enabled ? 'switched on' : 'switched off']),
  ]
  return `  ${past ? 'since' : 'from'} ${at}: ${what.join(', ')}`
}

/** How many units of a list are shown; the rest is counted. */
const unitsShown = 20

export function segmentText(segment: WireSegment, changes: readonly WireSegmentChange[]): string {
  const lines = [
    segment.name,
    ...(segment.description === null ? [] : [`  ${segment.description}`]),
    `  includes: ${unitsText(segment.include)}`,
    `  excludes: ${unitsText(segment.exclude)}`,
    `  when: ${segment.when.join(' and ') || '-'}`,
    `  used by: ${segment.usedBy.map(flag => `flag ${flag}`).join(', ') || '-'}`,
  ]
  return `${lines.map(printable).join('\n')}\n\n${historyText(changes)}`
}

function unitsText(units: readonly string[]): string {
  const more = units.length - unitsShown
  const shown = units.slice(0, unitsShown).join(', ') || '-'
  return more > 0 ? `${shown} and ${more} more` : shown
}

export function historyText(changes: readonly (WireFlagChange | WireSegmentChange)[]): string {
  if (changes.length === 0) return 'no changes\n'
  return changes
    .map(({ revision, at, by, how, note, differences }) => {
      const head = printable(`${revision}  ${at}  ${how} by ${by}${note === null ? '' : `: ${note}`}`)
      const lines = differences.map(({ path, before, after }) =>
        printable(`     ${path}: ${shown(before)} -> ${shown(after)}`),
      )
      return `${[head, ...lines].join('\n')}\n`
    })
    .join('')
}

function shown(value: unknown): string {
  return value === undefined || value === null ? '-' : JSON.stringify(value)
}

export function explanationText(explained: WireExplanation, paint: Paint): string {
  const { flag, variant, reason, errorCode, detail, decidedBy, bucket } = explained
  const value = Object.hasOwn(explained, 'value') ? JSON.stringify(explained.value) : 'the value in the code'
  const answer =
    errorCode === null ? `${value}${variant === null ? '' : ` (${variant})`}` : paint('red', `${errorCode}: ${detail}`)
  const mark = (holds: boolean) => (holds ? paint('green', 'yes') : 'no')
  const lines = [
    `${flag} is ${answer}, ${reason}, decided by ${decidedBy}`,
    ...explained.requires.map(
      one => `  requires ${one.flag} ${one.is.join(' or ')}: ${one.variant ?? 'no variant'}, ${mark(one.met)}`,
    ),
    ...explained.rules.flatMap(({ name, fits, conditions }) => [
      `  rule ${name}: ${mark(fits)}`,
      ...conditions.map(({ text, holds }) => `    ${text}: ${mark(holds)}`),
    ]),
    ...(bucket === null ? [] : [`  ${bucket.by} ${bucket.unit} is in bucket ${bucket.ppm} of 1000000`]),
  ]
  return `${lines.join('\n')}\n`
}
