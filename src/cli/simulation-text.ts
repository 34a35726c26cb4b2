/** Simulated releases as text: one of them in full, several beside each other as a table. */
import type { WireSimulation, WireStudy } from '../contract/wire/simulation.ts'
import { duration } from '../contract/words/quantities.ts'
import { type Paint, printable, table } from './text.ts'

type Result = WireSimulation['results'][number]
type Share = WireStudy['ends']['promoted']
type Spread = WireStudy['exposedUnits']

export function simulationText(answer: WireSimulation, paint: Paint): string {
  const { endpoint, from, to, seeds, results, cautions } = answer
  const head = `${printable(endpoint)} from ${printable(from)} to ${printable(to)}, simulated with ${seeds.count} seeds from ${seeds.first}\n`
  const warned = cautions.map(one => `  caution: ${printable(one)}\n`).join('')
  const shown = results.map(result => resultText(result, paint)).join('\n')
  return `${head}${warned}\n${results.length > 1 ? `${comparison(results)}\n` : ''}${shown}`
}

function comparison(results: readonly Result[]): string {
  const head = [
    ...[
      'SCENARIO',
      'STRATEGY',
      'PROMOTED',
      'BACK',
      'KEPT',
      'OPEN',
      'FALSE ALARM',
      'MISS',
      'MEDIAN TIME',
      'UNITS EXPOSED',
    ],
    'EXTRA INSTANCE-HOURS',
  ]
  return table(
    head,
    results.map(({ scenario, strategy, study }) =>
      study === null ? [scenario, strategy, 'refused'] : [scenario, strategy, ...cellsOf(study)],
    ),
  )
}

function cellsOf({ ends, falseAlarms, misses, decidedMs, exposedUnits, beyondStable }: WireStudy): string[] {
  const open = ends.waiting.runs + ends.undecided.runs
  return [
    share(ends.promoted),
    share(ends['rolled-back']),
    share(ends.kept),
    percentOf(open / Math.max(1, ends.waiting.of)),
    share(falseAlarms),
    share(misses),
    decidedMs === null ? '-' : time(decidedMs.p50),
    count(exposedUnits.p50),
    count(beyondStable.p50),
  ]
}

function resultText({ scenario, strategy, study, refused }: Result, paint: Paint): string {
  const head = `${printable(scenario)}, by ${printable(strategy)}\n`
  if (study === null) return `${head}  not simulated: ${printable(refused ?? '')}\n`
  const rows: [string, string][] = [
    ['time to decision', study.decidedMs === null ? 'no run came to one' : spreadText(study.decidedMs, time)],
    ['units exposed', spreadText(study.exposedUnits, count)],
    ['requests exposed', spreadText(study.exposedRequests, count)],
    ['failures caused', spreadText(study.harmedRequests, count)],
    ...(study.unserved.max > 0 ? [['requests unserved', spreadText(study.unserved, count)] as [string, string]] : []),
    [
      'instance-hours',
      `${spreadText(study.instanceHours, count)}; beyond stable alone ${count(study.beyondStable.p50)}`,
    ],
  ]
  const numbers = rows.map(([name, text]) => `  ${name.padEnd(18)}${text}\n`).join('')
  return `${head}${truthText(study)}${endsText(study, paint)}${errorsText(study)}${numbers}${overTime(study, paint)}${reasonsText(study)}`
}

const truthWords: Readonly<Record<WireStudy['truths'][string], string>> = {
  worse: 'is worse than a margin allows',
  within: 'is worse, within its margins',
  fine: 'does no harm',
  better: 'is better',
}

function truthText({ truths }: WireStudy): string {
  const words = Object.entries(truths).map(([version, truth]) => `${printable(version)} ${truthWords[truth]}`)
  return words.length === 0 ? '' : `  in truth ${words.join('; ')}\n`
}

const endWords = {
  promoted: 'promoted',
  'rolled-back': 'rolled back',
  kept: 'stable kept',
  waiting: 'held at the end',
  undecided: 'undecided',
} as const

const endColours = {
  promoted: 'green',
  'rolled-back': 'red',
  kept: 'yellow',
  waiting: 'yellow',
  undecided: 'dim',
} as const

const barWidth = 40

function endsText({ ends, promoted }: WireStudy, paint: Paint): string {
  const lines = (Object.keys(endWords) as (keyof typeof endWords)[])
    .filter(end => ends[end].runs > 0)
    .map(end => `  ${endWords[end].padEnd(18)}${shareLine(ends[end], text => paint(endColours[end], text))}`)
  const versions = Object.entries(promoted)
  const each =
    versions.length < 2
      ? []
      : versions.map(([version, one]) => `    ${printable(version).padEnd(16)}${shareLine(one, text => text)}`)
  return `${[...lines, ...each].join('\n')}\n`
}

function shareLine(one: Share, colour: (text: string) => string): string {
  const range = `[${percentOf(one.lower)}, ${percentOf(one.upper)}]`
  return `${percentOf(one.share).padStart(6)}  ${range.padEnd(17)} ${colour(bar(one.share))}`.trimEnd()
}

/** Eighths of a cell, so that one run in a thousand is still seen. */
function bar(part: number): string {
  const eighths = Math.ceil(part * barWidth * 8)
  const rest = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? ''
  return `${'█'.repeat(Math.floor(eighths / 8))}${rest}`
}

function errorsText({ falseAlarms, misses }: WireStudy): string {
  const line = (name: string, one: Share | null, meaning: string) =>
    one === null
      ? ''
      : `  ${name.padEnd(18)}${percentOf(one.share).padStart(6)}  [${percentOf(one.lower)}, ${percentOf(one.upper)}]: ${meaning}\n`
  return `${line('false alarms', falseAlarms, 'rolled back without harm')}${line('misses', misses, 'promoted although worse')}`
}

function overTime({ histogram, decidedMs }: WireStudy, paint: Paint): string {
  if (decidedMs === null) return ''
  const { promoted, back, stepMs } = histogram
  const most = Math.max(...promoted, ...back)
  const line = (name: string, counts: readonly number[], colour: 'green' | 'red') =>
    counts.every(one => one === 0)
      ? ''
      : `  ${name.padEnd(18)}${paint(colour, counts.map(one => level(one / most)).join(''))}\n`
  return `${line('promoted', promoted, 'green')}${line('went back', back, 'red')}  ${''.padEnd(18)}0${time(stepMs * promoted.length).padStart(promoted.length - 1)}\n`
}

const levels = ' ▁▂▃▄▅▆▇█'

function level(part: number): string {
  return levels[part === 0 ? 0 : Math.max(1, Math.round(part * (levels.length - 1)))] ?? ''
}

function reasonsText({ reasons }: WireStudy): string {
  return reasons
    .map(({ end, cause, runs, example }) => {
      const why = example === '' ? '' : `, such as: ${printable(example)}`
      return `  ${endWords[end]} ${runs} times (${printable(cause)})${why}\n`
    })
    .join('')
}

function spreadText({ p10, p50, p90 }: Spread, text: (value: number) => string): string {
  return p10 === p90 ? text(p50) : `${text(p50)} (from ${text(p10)} to ${text(p90)} in 8 of 10 runs)`
}

function share(one: Share | null): string {
  return one === null ? '-' : percentOf(one.share)
}

function percentOf(part: number): string {
  return `${(part * 100).toFixed(1)}%`
}

function time(ms: number): string {
  return ms < 2 * 86_400_000 ? duration(ms) : `${Number((ms / 86_400_000).toFixed(1))} d`
}

function count(value: number): string {
  const rounded = value < 10 ? Number(value.toFixed(1)) : Math.round(value)
  return rounded.toLocaleString('en-US')
}
