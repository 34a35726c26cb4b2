/** `cutover keys`: make, list, rotate and revoke API keys. */
import { Option } from 'commander'
import { type WireIssuedKey, type WireKey, wireRoles } from '../../contract/wire/key.ts'
import { exitCodes, usageError } from '../errors.ts'
import { examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { table } from '../text.ts'

type CreateOptions = {
  role?: string
  endpoint?: string[]
  rate?: string
  burst?: string
  concurrency?: string
  expires?: string
}

export const registerKeys: Register = (program, does) => {
  const keys = program
    .command('keys')
    .description('make, list, rotate and revoke API keys')
    .addHelpText(
      'after',
      examples(
        'cutover keys create mobile-app --endpoint digits --rate 100/s',
        'cutover keys create ci --role operate --expires 90d',
        'cutover keys rotate mobile-app --keep 24h',
      ),
    )

  keys
    .command('create')
    .description('make a key and print it, once')
    .argument('<name>', 'unique; what logs and metrics show')
    .addOption(new Option('--role <role>', 'what it may (default call)').choices([...wireRoles]))
    .option('--endpoint <names...>', 'of a key that calls: these endpoints only')
    .option('--rate <rate>', 'requests in a time: 100/s, 600/m, 1000/h')
    .option('--burst <number>', 'how many may come at once; a second’s worth by default')
    .option('--concurrency <number>', 'requests under way at once')
    .option('--expires <duration>', 'from now: 30d; never by default')
    .addHelpText('after', examples('cutover keys create mobile-app --endpoint digits --rate 100/s --concurrency 20'))
    .action(
      does(async (run, [name = ''], options) => {
        const issued = await run.server.send<WireIssuedKey>('POST', pathTo('keys'), requestOf(name, options))
        return show(run, issued, 'it is not shown again')
      }),
    )

  keys
    .command('list')
    .description('list the keys, without their secrets')
    .addHelpText('after', examples('cutover keys list', 'cutover keys list -o json'))
    .action(
      does(async run => {
        const list = await run.server.get<{ items: WireKey[] }>(pathTo('keys'))
        run.answer(list, () => (list.items.length === 0 ? 'no keys\n' : keyTable(list.items)))
        return exitCodes.done
      }),
    )

  keys
    .command('rotate')
    .description('give a key a new secret and print it, once')
    .argument('<key>', 'name or id')
    .option('--keep <duration>', 'how long the old secret counts on; 0s ends it at once (default 24h)')
    .addHelpText('after', examples('cutover keys rotate mobile-app', 'cutover keys rotate mobile-app --keep 0s'))
    .action(
      does(async (run, [key = ''], { keep }) => {
        const body = typeof keep === 'string' ? { keep } : {}
        const issued = await run.server.send<WireIssuedKey>('POST', pathTo('keys', key, 'rotate'), body)
        const old = issued.previousUntil === null ? 'ended' : `counts until ${issued.previousUntil}`
        return show(run, issued, `it is not shown again; the old one ${old}`)
      }),
    )

  keys
    .command('revoke')
    .description('end a key at once')
    .argument('<key>', 'name or id')
    .addHelpText('after', examples('cutover keys revoke mobile-app'))
    .action(
      does(async (run, [key = '']) => {
        await run.server.send('DELETE', pathTo('keys', key))
        run.answer({ revoked: key }, () => `key ${key} revoked\n`)
        return exitCodes.done
      }),
    )
}

/** The key alone goes to standard output, so that a script can keep it. */
function show(run: Invocation, issued: WireIssuedKey, note: string): number {
  run.answer(issued, () => `${issued.key}\n`)
  if (run.output !== 'text') return exitCodes.done
  run.io.stderr.write(`key ${issued.name} (${issued.role}): ${note}\n`)
  for (const endpoint of issued.unknownEndpoints)
    run.io.stderr.write(`there is no endpoint ${endpoint}: the key may call it once there is one of that name\n`)
  return exitCodes.done
}

function requestOf(name: string, options: CreateOptions): Record<string, unknown> {
  const { role, endpoint, rate, burst, concurrency, expires } = options
  if (burst !== undefined && rate === undefined) throw usageError('--burst belongs to --rate')
  return {
    name,
    ...(role !== undefined && { role }),
    ...(endpoint !== undefined && { endpoints: endpoint }),
    ...(rate !== undefined && {
      rate: { perSecond: rateOf(rate), ...(burst !== undefined && { burst: Number(burst) }) },
    }),
    ...(concurrency !== undefined && { concurrency: Number(concurrency) }),
    ...(expires !== undefined && { expires }),
  }
}

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 }

function rateOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\/([smh])$/.exec(text)
  if (match !== null && Number(match[1]) > 0) return Number(match[1]) / (secondsIn[match[2] ?? ''] ?? 1)
  throw usageError('--rate is not a rate', [
    { path: '--rate', message: 'is not a rate', value: text, allowed: ['100/s', '600/m', '1000/h'] },
  ])
}

function keyTable(items: readonly WireKey[]): string {
  const rows = items.map(one => [
    one.name,
    one.id,
    one.role,
    one.endpoints === null ? (['call', 'operate', 'admin'].includes(one.role) ? 'all' : '-') : one.endpoints.join(', '),
    one.rate === null ? '-' : `${Number(one.rate.perSecond.toFixed(3))}/s`,
    one.concurrency === null ? '-' : String(one.concurrency),
    one.createdAt,
    one.expiresAt ?? 'never',
  ])
  return table(['NAME', 'ID', 'ROLE', 'ENDPOINTS', 'RATE', 'AT ONCE', 'CREATED', 'EXPIRES'], rows)
}
