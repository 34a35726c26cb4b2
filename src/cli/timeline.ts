/** An entry of a release's story, for people and for programs. */
import type { WireTimelineEntry, WireTimelineLine } from '../contract/wire/release.ts'
import { exposureText, offset, shortPercent } from '../contract/words/quantities.ts'
import { type Colour, type Paint, printable } from './text.ts'

export type TimelineFormat = {
  /** When the release started; offsets count from there. */
  startedAt: string
  output: 'text' | 'json'
  paint?: Paint
}

const colours: Readonly<Partial<Record<WireTimelineLine['kind'], Colour>>> = {
  promoted: 'green',
  hold: 'yellow',
  paused: 'yellow',
  'rolling-back': 'red',
  'rolled-back': 'red',
}

/** One line: offset from the start, the candidate's weight, the sentence. As JSON the whole entry. Ends with a newline. */
export function formatTimelineEntry(entry: WireTimelineEntry | WireTimelineLine, format: TimelineFormat): string {
  if (format.output === 'json') return `${JSON.stringify(entry)}\n`
  const { startedAt, paint = plain } = format
  const columns = [`+${offset(startedAt, entry.at)}`.padStart(8), shortPercent(entry.candidatePpm).padStart(6)]
  const line = `${columns.join('  ')}  ${paint(colours[entry.kind] ?? null, printable(entry.text))}\n`
  return entry.exposure === null ? line : `${line}${' '.repeat(18)}${paint('dim', exposureText(entry.exposure))}\n`
}

const plain: Paint = (_, text) => text
