/** feedback: what became known of a prediction, posted to the inference listener. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { WireFeedbackAnswer } from '../../contract/wire.ts'
import { table } from '../io.ts'
import { CliFault, exit } from '../outcome.ts'
import { type Action, type CommandContext, show } from './context.ts'

export type FeedbackOptions = {
  prediction?: string | undefined
  row?: string | undefined
  label?: string | undefined
  reward?: string | undefined
  metric: readonly string[]
  id?: string | undefined
  file?: string | undefined
}

const batchItems = 1_000

export const feedback: Action<FeedbackOptions> = async (context, options) => {
  const items = options.prediction === undefined ? await readItems(context, options.file ?? '-') : [fromFlags(options)]
  const results: WireFeedbackAnswer['results'] = []
  for (let from = 0; from < items.length; from += batchItems) {
    const answer = await context.inference.post<WireFeedbackAnswer>(
      '/v1/feedback',
      items.slice(from, from + batchItems),
    )
    results.push(...answer.results)
  }
  show(context, { results }, () => writeResults(results))
  return results.some(one => one.status === 'invalid') ? exit.usage : exit.done
}

function writeResults(results: WireFeedbackAnswer['results']): string {
  if (results.length <= 20)
    return table(
      ['PREDICTION', 'STATUS', 'DETAIL'],
      results.map(one => [one.prediction ?? '-', one.status, one.detail ?? '']),
    )
  const counts = new Map<string, number>()
  for (const { status } of results) counts.set(status, (counts.get(status) ?? 0) + 1)
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ')
}

function fromFlags(options: FeedbackOptions): unknown {
  const metrics = Object.fromEntries(options.metric.map(readMetric))
  return {
    prediction: options.prediction,
    ...(options.row !== undefined && { row: number('--row', options.row) }),
    ...(options.label !== undefined && { label: readLabel(options.label) }),
    ...(options.reward !== undefined && { reward: number('--reward', options.reward) }),
    ...(options.metric.length > 0 && { metrics }),
    ...(options.id !== undefined && { id: options.id }),
  }
}

/** 3, true and "spam" as JSON would have them; anything else is text. */
function readLabel(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(\.\d+)?$/.test(text) && Number.isSafeInteger(Math.trunc(Number(text))) ? Number(text) : text
}

function readMetric(text: string): [string, number | boolean] {
  const at = text.indexOf('=')
  if (at <= 0)
    throw new CliFault('--metric is not name=value', {
      exitCode: exit.usage,
      problems: [
        { path: '--metric', message: 'not name=value', value: text, allowed: ['conversion=1', 'watched=true'] },
      ],
    })
  const value = text.slice(at + 1)
  return [text.slice(0, at), value === 'true' || value === 'false' ? value === 'true' : number('--metric', value)]
}

function number(flag: string, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new CliFault(`${flag} is not a number`, {
    exitCode: exit.usage,
    problems: [{ path: flag, message: 'not a number', value: text }],
  })
}

/** One JSON document (an object or an array), or one object a line. */
async function readItems({ io }: CommandContext, file: string): Promise<unknown[]> {
  const text = file === '-' ? await io.readInput() : readText(resolve(io.cwd, file))
  try {
    const whole: unknown = JSON.parse(text)
    return Array.isArray(whole) ? whole : [whole]
  } catch {
    return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(line, index + 1, file)]))
  }
}

function parseLine(line: string, number: number, file: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new CliFault(`${file} is neither JSON nor JSON lines`, {
      exitCode: exit.usage,
      problems: [{ path: `${file}:${number}`, message: error instanceof Error ? error.message : String(error) }],
    })
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliFault(`${path} cannot be read: ${error instanceof Error ? error.message : error}`, {
      exitCode: exit.usage,
    })
  }
}
