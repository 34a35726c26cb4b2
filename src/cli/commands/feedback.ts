/** `cutover feedback`: what became known of predictions, to the inference listener. */
import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { WireFeedbackAnswer } from '../../contract/wire/prediction.ts'
import { oneFile, readText, withoutMark } from '../documents.ts'
import { CliError, exitCodes, usageError } from '../errors.ts'
import { examples, type Invocation, type Register } from '../invocation.ts'

type FeedbackOptions = {
  prediction?: string
  row?: number
  label?: string
  reward?: number
  metric?: Record<string, number | boolean>
  at?: string
  id?: string
  file?: string
}

type Result = WireFeedbackAnswer['results'][number]

/** Items sent in one request. */
const batchMax = 1_000

export const registerFeedback: Register = (program, does) => {
  program
    .command('feedback')
    .description('tell what became known of predictions: labels, rewards, metrics')
    .option('--prediction <id>', 'the prediction: its x-cutover-prediction-id')
    .option('--row <number>', 'row of a batched prediction; 0 by default', number)
    .option('--label <label>', 'the true label')
    .option('--reward <number>', 'a reward', number)
    .option('--metric <name=value>', 'a number, true or false; repeatable', metric)
    .option('--at <time>', 'when it became known, in ISO 8601; now by default')
    .option('--id <id>', 'makes it idempotent: the same id again changes nothing')
    .option('-f, --file <file>', 'JSON, or one JSON object a line; - reads standard input', oneFile)
    .addHelpText(
      'after',
      examples(
        'cutover feedback --prediction 01J8 --label 7',
        'cutover feedback --prediction 01J8 --metric converted=true',
        'cutover feedback -f outcomes.ndjson',
      ),
    )
    .action(
      does(async (run, _, options) => {
        const results = await sendAll(run, await itemsOf(run, options as FeedbackOptions))
        run.answer({ results }, () => `${summary(results)}\n`)
        const invalid = results.filter(({ status }) => status === 'invalid')
        if (invalid.length === 0) return exitCodes.done
        const problems = invalid.map(({ prediction, id, detail }) => ({
          path: id ?? prediction ?? '',
          message: detail ?? '',
        }))
        throw new CliError(`${invalid.length} of ${results.length} items are not valid; the others were taken`, {
          exitCode: exitCodes.usage,
          code: 'invalid-request',
          problems,
        })
      }),
    )
}

function number(text: string): number {
  return finiteOr(text, 'It is not a number.')
}

function finiteOr(text: string, fault: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value)) return value
  throw new InvalidArgumentError(fault)
}

function metric(text: string, previous: Record<string, number | boolean> = {}): Record<string, number | boolean> {
  const [name = '', value] = [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]
  if (name === '' || !text.includes('=')) throw new InvalidArgumentError('It is not NAME=VALUE.')
  const isWord = value === 'true' || value === 'false'
  const told = isWord ? value === 'true' : finiteOr(value, 'It is neither a number nor true or false.')
  return { ...previous, [name]: told }
}

async function itemsOf(run: Invocation, options: FeedbackOptions): Promise<readonly unknown[]> {
  const { file, metric: metrics, ...item } = options
  const isGiven = Object.keys(item).length > 0 || metrics !== undefined
  if (isGiven && file !== undefined) throw usageError('give either one item by flags or a file')
  if (isGiven) return [flagItem({ ...item, ...(metrics !== undefined && { metrics }) })]
  if (file === undefined && run.io.stdin.isTTY === true)
    throw usageError('nothing to send: give --prediction, or -f FILE')
  const isStdin = file === undefined || file === '-'
  const text = isStdin ? withoutMark(await run.io.stdin.read()) : await readText(resolve(run.io.cwd, file), file)
  return parseItems(text, isStdin ? 'standard input' : file)
}

function flagItem(item: Record<string, unknown>): unknown {
  if (item['prediction'] === undefined) throw usageError('--prediction is missing: whose outcome is it?')
  if (item['label'] !== undefined || item['reward'] !== undefined || item['metrics'] !== undefined) return item
  throw usageError('nothing is told of the prediction', [
    { path: 'flags', message: 'are missing', allowed: ['--label', '--reward', '--metric'] },
  ])
}

/** One JSON value, or one a line. */
function parseItems(text: string, name: string): readonly unknown[] {
  const whole = tryParse(text)
  if (whole !== undefined) return Array.isArray(whole) ? nonEmpty(whole, name) : [whole]
  const problems: { path: string; message: string }[] = []
  const items = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const item = tryParse(line)
    if (item === undefined) problems.push({ path: `${name}:${index + 1}`, message: 'is not JSON' })
    return [item]
  })
  if (problems.length > 0) throw usageError(`${name} is neither JSON nor one JSON object a line`, problems.slice(0, 20))
  return nonEmpty(items, name)
}

function nonEmpty(items: readonly unknown[], name: string): readonly unknown[] {
  if (items.length > 0) return items
  throw usageError(`${name} holds no items`)
}

function tryParse(text: string): unknown {
  try {
    return /\d{16}/.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A label such as an id of 64 bits goes on as text: a number would lose digits, and the two mean the same label. */
function keepDigits(this: unknown, key: string, value: unknown, context?: { source?: string }): unknown {
  const isLabel = key === 'label' || Array.isArray(this)
  if (!isLabel || typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d+$/.test(source) ? source : value
}

/** In batches; what a failing batch left unsent is said, since what went before it was taken. */
async function sendAll(run: Invocation, items: readonly unknown[]): Promise<Result[]> {
  const results: Result[] = []
  for (let from = 0; from < items.length; from += batchMax) {
    const batch = items.slice(from, from + batchMax)
    try {
      const answer = await run.inference.send<WireFeedbackAnswer>('POST', '/v1/feedback', batch)
      results.push(...answer.results)
    } catch (error) {
      if (from > 0)
        run.io.stderr.write(`items 1 to ${from} were taken, the rest was not; sending all again is harmless\n`)
      throw error
    }
  }
  return results
}

function summary(results: readonly Result[]): string {
  const counts = new Map<string, number>()
  for (const { status } of results) counts.set(status, (counts.get(status) ?? 0) + 1)
  const told = [...counts].map(([status, count]) => `${count} ${status}`).join(', ')
  // Such as one whose id was mistyped: nothing failed, and nothing may ever come of it.
  return counts.has('pending') ? `${told}; what is pending waits a week for a prediction of that id` : told
}
