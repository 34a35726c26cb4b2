/** `cutover backtest`: what another fixed policy would have earned, from the log of predictions. */
import type { WireBacktest } from '../../contract/wire/backtest.ts'
import { exitCodes, usageError } from '../errors.ts'
import { examples, pathTo, type Register } from '../invocation.ts'
import { percent, printable, table } from '../text.ts'

type Options = { policy?: string; value?: string; release?: string; since?: string; until?: string; alpha?: string }

export const registerBacktest: Register = (program, does) => {
  program
    .command('backtest')
    .description('what another fixed policy would have earned, from the log')
    .argument('<endpoint>')
    .requiredOption('--policy <shares>', 'a version, or shares such as v1=50%,v2=50%')
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
      ),
    )
    .action(
      does(async (run, [endpoint = ''], options) => {
        const { policy = '', alpha, ...rest } = options as Options
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
