/** Simulated releases as a page that stands by itself: no scripts, no fonts, nothing from elsewhere. */
import type { WireSimulation, WireStudy } from '../contract/wire/simulation.ts'
import { duration } from '../contract/words/quantities.ts'

type Result = WireSimulation['results'][number]

const ends = [
  ['promoted', 'promoted', '#2f7d4f'],
  ['rolled-back', 'rolled back', '#b3382c'],
  ['kept', 'stable kept', '#c08a1e'],
  ['waiting', 'held at the end', '#8a7a5c'],
  ['undecided', 'undecided', '#8b8f98'],
] as const

export function simulationPage(answer: WireSimulation): string {
  const { endpoint, from, to, seeds, results, cautions } = answer
  const title = `${escaped(endpoint)}: ${escaped(from)} to ${escaped(to)}, simulated`
  const notes = [`${seeds.count} seeds from ${seeds.first}`, ...cautions].map(escaped).join('; ')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<style>${style}</style>
<h1>${title}</h1>
<p>${notes}</p>
<p>${ends.map(([, name, colour]) => `<span class="key" style="background:${colour}"></span> ${name}`).join(' &nbsp; ')}</p>
${results.map(section).join('\n')}
</html>
`
}

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c1f24;background:#fff}
h2{margin:2rem 0 .5rem;font-size:1.1rem}table{border-collapse:collapse}td,th{padding:.2rem 1rem .2rem 0;text-align:left;font-weight:400}
th{color:#5a606b}.key{display:inline-block;width:.8em;height:.8em}svg{display:block;margin:.5rem 0;max-width:100%}
@media(prefers-color-scheme:dark){body{color:#e5e7eb;background:#16181d}th{color:#a4abb8}text{fill:#a4abb8}}`

function section({ scenario, strategy, study, refused }: Result): string {
  const head = `<h2>${escaped(scenario)}, by ${escaped(strategy)}</h2>`
  if (study === null) return `${head}\n<p>Not simulated: ${escaped(refused ?? '')}</p>`
  return `${head}\n${shares(study)}\n${overTime(study)}\n${numbers(study)}`
}

const width = 720
const barHeight = 22

/** All runs as one bar. */
function shares(study: WireStudy): string {
  let at = 0
  const parts = ends.map(([end, name, colour]) => {
    const { share, runs } = study.ends[end]
    const from = at
    at += share * width
    return `<rect x="${round(from)}" width="${round(share * width)}" height="${barHeight}" fill="${colour}"><title>${name}: ${runs} of ${study.runs}</title></rect>`
  })
  return `<svg viewBox="0 0 ${width} ${barHeight}" width="${width}" role="img" aria-label="ends of the runs">${parts.join('')}</svg>`
}

const chartHeight = 120

/** Decisions by time: promotions above the line, ways back below it. */
function overTime({ histogram: { promoted, back, stepMs }, decidedMs }: WireStudy): string {
  if (decidedMs === null) return ''
  const most = Math.max(1, ...promoted, ...back)
  const step = width / promoted.length
  const bars = (counts: readonly number[], colour: string, isUp: boolean) =>
    counts.map((count, index) => {
      const height = (count / most) * (chartHeight / 2 - 2)
      const y = isUp ? chartHeight / 2 - height : chartHeight / 2
      return `<rect x="${round(index * step + 1)}" y="${round(y)}" width="${round(step - 2)}" height="${round(height)}" fill="${colour}"><title>${count}</title></rect>`
    })
  const axis = `<text x="0" y="${chartHeight + 14}" font-size="12">0</text><text x="${width}" y="${chartHeight + 14}" font-size="12" text-anchor="end">${time(stepMs * promoted.length)}</text>`
  const drawn = [...bars(promoted, ends[0][2], true), ...bars(back, ends[1][2], false)].join('')
  return `<svg viewBox="0 0 ${width} ${chartHeight + 18}" width="${width}" role="img" aria-label="decisions over time">${drawn}${axis}</svg>`
}

function numbers(study: WireStudy): string {
  const rows: [string, string][] = [
    [
      'in truth',
      Object.entries(study.truths)
        .map(([version, truth]) => `${version} ${truth}`)
        .join(', '),
    ],
    ...ends.map(([end, name]): [string, string] => [name, shareText(study.ends[end])]),
    ['false alarms', study.falseAlarms === null ? 'none can be' : shareText(study.falseAlarms)],
    ['misses', study.misses === null ? 'none can be' : shareText(study.misses)],
    [
      'time to decision',
      study.decidedMs === null
        ? 'no run came to one'
        : `${time(study.decidedMs.p50)}, up to ${time(study.decidedMs.p90)} in 9 of 10 runs`,
    ],
    ['units exposed', spread(study.exposedUnits)],
    ['failures caused', spread(study.harmedRequests)],
    ['requests unserved', spread(study.unserved)],
    ['instance-hours beyond stable', spread(study.beyondStable)],
  ]
  return `<table>${rows.map(([name, text]) => `<tr><th>${name}</th><td>${escaped(text)}</td></tr>`).join('')}</table>`
}

function shareText({ share, lower, upper }: WireStudy['ends']['promoted']): string {
  const percent = (part: number) => `${(part * 100).toFixed(1)}%`
  return `${percent(share)} (${percent(lower)} to ${percent(upper)})`
}

function spread({ p50, p90 }: WireStudy['exposedUnits']): string {
  const number = (value: number) => Number(value.toFixed(1)).toLocaleString('en-US')
  return `${number(p50)}, up to ${number(p90)} in 9 of 10 runs`
}

function time(ms: number): string {
  return ms < 2 * 86_400_000 ? duration(ms) : `${Number((ms / 86_400_000).toFixed(1))} d`
}

function round(value: number): string {
  return String(Number(value.toFixed(2)))
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Names and reasons come from elsewhere. */
function escaped(text: string): string {
  return text.replace(/[&<>"]/g, character => entities[character] ?? '')
}
