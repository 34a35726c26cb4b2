/**
 * `cutover backtest`: what another fixed policy would have earned, from the log of predictions; or what another plan would
 * have decided of a release that is over.
 */
import type { WireBacktest } from '../../contract/wire/backtest.ts'
import type { WireRejudged } from '../../contract/wire/rejudge.ts'
import { percent } from '../../contract/words/quantities.ts'
import { oneFile, readDocuments, withPlaces } from '../documents.ts'
import { exitCodes, usageError } from '../errors.ts'
import { type CliDocument, examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { rejudgedText } from '../rejudged-text.ts'
import { printable, table } from '../text.ts'

/** By metric, as in the request. */
type Thresholds = Readonly<Record<string, { margin?: string; alpha?: number }>>

type Options = {
  policy?: string
  file?: string
  margin: Thresholds
  level: Thresholds
} & { value?: string; release?: string; since?: string; until?: string; alpha?: string }

export const registerBacktest: Register = (program, does) => {
  program
    .command('backtest')
    .description('what another policy would have earned, or another plan decided, from what was recorded')
    .argument('<endpoint>')
    .option('--policy <shares>', 'a version, or shares such as v1=50%,v2=50%')
    .option('-f, --file <file>', 'with --release: the Release document that it is judged by this time', oneFile)
    .option('--margin <metric=margin>', 'with --release: another margin, such as error-rate=1pp', marginOf, {})
    .option('--level <metric=alpha>', 'with --release: another alpha, such as error-rate=0.001', levelOf, {})
    .option('--value <name>', 'reward, correct, or a metric of the endpoint', 'reward')
    .option('--release <id>', 'only predictions made during this release')
    .option('--since <time>', 'only predictions from then on; such as 2026-05-01T00:00:00Z')
    .option('--until <time>', 'only predictions before then')
    .option('--alpha <chance>', 'intervals hold with 1 - alpha, for one look (default 0.05)')
    .addHelpText(
      'after',
      examples(
        'cutover backtest digits --policy v3',
        'cutover backtest digits --policy v1=20%,v2=80% --value conversion',
        'cutover backtest digits --release digits-3 --margin error-rate=0.2pp',
        'cutover backtest digits --release digits-3 -f stricter.yaml',
      ),
    )
    .action(
      does(async (run, [endpoint = ''], options) => {
        const { policy, alpha, file, margin, level, ...rest } = options as Options
        if (policy === undefined)
          return judgeAgain(run, endpoint, { file, release: rest.release, thresholds: merged(margin, level) })
        const body = {
          endpoint,
          policy: sharesOf(policy),
          ...rest,
          ...(alpha !== undefined && { alpha: Number(alpha) }),
        }
        const answer = await run.server.send<WireBacktest>('POST', pathTo('backtest'), body)
        run.answer(answer, () => backtestText(answer))
        return answer.refused === null ? exitCodes.done : exitCodes.failed
      }),
    )
}

type Again = { file: string | undefined; release: string | undefined; thresholds: Thresholds }

async function judgeAgain(run: Invocation, endpoint: string, { file, release, thresholds }: Again): Promise<number> {
  const changes = Object.keys(thresholds).length
  if (release === undefined || (file === undefined) === (changes === 0))
    throw usageError('a backtest takes --policy, or --release with either -f or --margin and --level', [
      {
        path: '--policy',
        message: 'is missing',
        allowed: ['--policy v2', '--release ID -f FILE', '--release ID --margin error-rate=1pp'],
      },
    ])
  const document = file === undefined ? undefined : await releaseIn(run, file, endpoint)
  const body = document === undefined ? { release, thresholds } : { release, plan: document.value }
  const answer = await withPlaces({ only: document }, () =>
    run.server.send<WireRejudged>('POST', pathTo('backtest', 'release'), body),
  )
  run.answer(answer, () => rejudgedText(answer))
  return exitCodes.done
}

async function releaseIn(run: Invocation, file: string, endpoint: string): Promise<CliDocument> {
  const documents = (await readDocuments(run, file)).filter(({ value }) => isReleaseOf(value, endpoint))
  const [document, second] = documents
  if (document !== undefined && second === undefined) return document
  throw usageError(`${file} holds ${documents.length} releases of ${endpoint}`, [
    { path: '--file', message: 'must hold one Release of the endpoint', value: file },
  ])
}

function isReleaseOf(value: unknown, endpoint: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { kind, endpoint: named } = value as Record<string, unknown>
  return kind === 'Release' && named === endpoint
}

function marginOf(text: string, known: Thresholds): Thresholds {
  const [metric, margin] = pairOf('--margin', text, 'error-rate=1pp')
  return merged(known, { [metric]: { margin } })
}

function levelOf(text: string, known: Thresholds): Thresholds {
  const [metric, alpha] = pairOf('--level', text, 'error-rate=0.001')
  return merged(known, { [metric]: { alpha: Number(alpha) } })
}

function pairOf(flag: string, text: string, example: string): [string, string] {
  const [metric = '', value = '', ...more] = text.split('=')
  if (metric !== '' && value !== '' && more.length === 0) return [metric, value]
  throw usageError(`${flag} is not a metric with its value`, [
    { path: flag, message: 'is not a metric with its value', value: text, allowed: [example] },
  ])
}

function merged(a: Thresholds, b: Thresholds): Thresholds {
  const metrics = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return Object.fromEntries(metrics.map(metric => [metric, { ...a[metric], ...b[metric] }]))
}

/** `v2` is all of it; otherwise `v1=50%,v2=50%`. */
export function sharesOf(text: string): Record<string, string> {
  const parts = text.split(',').map(part => part.trim())
  if (parts.length === 1 && parts[0] !== undefined && !parts[0].includes('=')) return { [parts[0]]: '100%' }
  return Object.fromEntries(
    parts.map(part => {
      const [version = '', share, ...more] = part.split('=')
      if (version !== '' && share !== undefined && more.length === 0) return [version, share]
      throw usageError('a policy is a version, or shares of versions', [
        { path: '--policy', message: 'is not a share', value: part, allowed: ['v2', 'v1=50%,v2=50%'] },
      ])
    }),
  )
}

export function backtestText(answer: WireBacktest): string {
  const { endpoint, policy, value, requests, overlap, refused, logged, estimates, cautions, alpha } = answer
  const shares = Object.entries(policy)
    .map(([version, ppm]) => `${version} ${percent(ppm)}`)
    .join(', ')
  const head = `${printable(`${value} of ${endpoint} by the policy ${shares}`)}\n`
  const seen = `  requests    ${requests.byChance} assigned by chance (${requests.leftOut} others left out), ${requests.valued} rows with a value\n`
  const enough =
    overlap === null
      ? ''
      : `  overlap     ${overlap.verdict}: worth ${rounded(overlap.effectiveRows)} rows, mean weight ${rounded(overlap.meanWeight)}, greatest share ${rounded(overlap.greatestShare)}\n`
  const warned = cautions.map(one => `  caution     ${printable(one)}\n`).join('')
  if (refused !== null) return `${head}${seen}${enough}${warned}  no estimate ${printable(refused)}\n`
  const level = `${rounded((1 - alpha) * 100)}% INTERVAL`
  const rows = estimates.map(one =>
    'refused' in one
      ? [one.method, '-', `none: ${one.refused}`]
      : [one.method, rounded(one.estimate), `[${rounded(one.lower)}, ${rounded(one.upper)}]`],
  )
  const served =
    logged === null
      ? []
      : [['as served', rounded(logged.estimate), `[${rounded(logged.lower)}, ${rounded(logged.upper)}]`]]
  return `${head}${seen}${enough}${warned}${table(['ESTIMATE', 'VALUE', level], [...rows, ...served]).replace(/^(?=.)/gm, '  ')}`
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)))
}
