/** `cutover get`, `describe`, `delete`. */
import type { WireEndpoint, WireVersion } from '../../contract/wire/endpoint.ts'
import type { WireMonitoring, WireSignal } from '../../contract/wire/monitoring.ts'
import type { WireRelease } from '../../contract/wire/release.ts'
import { CliError, exitCodeOf, exitCodes, usageError } from '../errors.ts'
import { examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { type Kind, kindOf, kinds, tables } from '../kinds.ts'
import { type DescribedEndpoint, endpointText } from '../monitoring-text.ts'
import { releaseText } from '../release-text.ts'
import { block } from '../text.ts'
import { describeFlag } from './flags.ts'
import { describeSegment } from './segments.ts'
import { type SummaryFilters, summarise, summaryOptions } from './summary.ts'

type Filters = SummaryFilters & { limit?: string; after?: string; shadows?: true; summary?: true }

const named = [
  'endpoints',
  'versions',
  'releases',
  'flags',
  'segments',
  'predictions',
] as const satisfies readonly Kind[]

const titles = { endpoints: 'Endpoint', flags: 'Flag', segments: 'Segment' } as const
const deletable = Object.keys(titles) as (keyof typeof titles)[]

export const registerGet: Register = (program, does) => {
  program
    .command('get')
    .description('list what there is, or show one of it in a line')
    .argument('<kind>', kinds.join(', '))
    .argument('[name]', 'of one; versions are ENDPOINT/VERSION')
    .option('--endpoint <name>', 'of this endpoint only')
    .option('--limit <number>', 'at most so many predictions or events')
    .option('--after <seq>', 'events after this number')
    .option('--shadows', 'predictions of shadows too: what challengers answered to copies')
    .option('--summary', 'predictions of an endpoint added up instead of listed')
    .option('--by <dimensions>', 'of a summary: version, epoch, release, hour, day; several with commas')
    .option('--release <id>', 'of a summary: predictions of this release')
    .option('--since <time>', 'of a summary: ISO 8601')
    .option('--until <time>', 'of a summary: ISO 8601')
    .addHelpText(
      'after',
      examples(
        'cutover get endpoints',
        'cutover get versions --endpoint digits',
        'cutover get releases -o json',
        'cutover get predictions --endpoint digits --summary --by version,day',
      ),
    )
    .action(
      does(async (run, [kindText = '', name], options) => {
        const kind = kindOf(kindText, kinds)
        if ((options as Filters).summary === true) return summary(run, { kind, name }, options as Filters)
        if (name === undefined) return listAll(run, kind, options as Filters)
        const one = await fetchOne(run, kind, name)
        run.answer(one, () => tables[kind]([one] as never))
        return exitCodes.done
      }),
    )

  program
    .command('describe')
    .description('show all there is to know of one thing')
    .argument('<kind>', named.join(', '))
    .argument('<name>', 'versions are ENDPOINT/VERSION')
    .addHelpText(
      'after',
      examples(
        'cutover describe endpoint digits',
        'cutover describe version digits/v2',
        'cutover describe release digits-1',
      ),
    )
    .action(
      does(async (run, [kindText = '', name = '']) => {
        const kind = kindOf(kindText, named)
        if (kind === 'endpoints') return describeEndpoint(run, name)
        if (kind === 'flags') return describeFlag(run, name)
        if (kind === 'segments') return describeSegment(run, name)
        const one = await fetchOne(run, kind, name)
        run.answer(one, () =>
          kind === 'releases' ? releaseText(one as WireRelease, run.paint) : block(one as Record<string, unknown>),
        )
        return exitCodes.done
      }),
    )

  program
    .command('delete')
    .description('delete an endpoint that has no release under way, or a flag or segment that nothing uses')
    .argument('<kind>', deletable.join(', '))
    .argument('<name>')
    .addHelpText('after', examples('cutover delete endpoint digits', 'cutover delete flag new-ranker'))
    .action(
      does(async (run, [kindText = '', name = '']) => {
        const kind = kindOf(kindText, deletable)
        await run.server.send('DELETE', pathTo(kind, name))
        const deleted = `${titles[kind as keyof typeof titles]}/${name}`
        run.answer({ deleted }, () => `${deleted} deleted\n`)
        return exitCodes.done
      }),
    )
}

async function describeEndpoint(run: Invocation, name: string): Promise<number> {
  const endpoint = await run.server.get<WireEndpoint>(pathTo('endpoints', name))
  const monitoring = await run.server.get<WireMonitoring>(pathTo('endpoints', name, 'drift'))
  const { items: labels } = await run.server.get<{ items: WireSignal[] }>(pathTo('endpoints', name, 'labels'))
  const described: DescribedEndpoint = { ...endpoint, monitoring, labels }
  run.answer(described, () => endpointText(described, run.paint))
  return exitCodes.done
}

/** Filters of lists say nothing about sums, and the other way round. */
async function summary(
  run: Invocation,
  { kind, name }: { kind: Kind; name: string | undefined },
  { summary: _, ...filters }: Filters,
): Promise<number> {
  if (kind !== 'predictions') throw usageError(`there is no summary of ${kind}; \`cutover get predictions --summary\``)
  if (name !== undefined) throw usageError('a summary is of an endpoint, not of one prediction')
  refuseOthers(filters, { what: 'a summary', allowed: summaryOptions })
  return summarise(run, filters)
}

async function listAll(run: Invocation, kind: Kind, filters: Filters): Promise<number> {
  const query = new URLSearchParams(queryOf(kind, filters)).toString()
  const list = await run.server.get<{ items: never[] }>(`${pathTo(kind)}${query === '' ? '' : `?${query}`}`)
  const chosen =
    kind === 'endpoints' && filters.endpoint !== undefined
      ? {
          ...list,
          items: (list.items as { name: string }[]).filter(({ name }) => name === filters.endpoint) as never[],
        }
      : list
  run.answer(chosen, () => (chosen.items.length === 0 ? `no ${kind}\n` : tables[kind](chosen.items)))
  return exitCodes.done
}

const filtersOf: Readonly<Record<Kind, readonly (keyof Filters)[]>> = {
  endpoints: ['endpoint'],
  versions: ['endpoint'],
  releases: ['endpoint'],
  flags: [],
  segments: [],
  metrics: ['endpoint'],
  predictions: ['endpoint', 'limit', 'shadows'],
  events: ['limit', 'after'],
  deliveries: ['endpoint', 'limit'],
}

function queryOf(kind: Kind, filters: Filters): Record<string, string> {
  refuseOthers(filters, { what: `get ${kind}`, allowed: filtersOf[kind] })
  const given = Object.entries(filters).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]))
  return kind === 'endpoints' ? {} : Object.fromEntries(given)
}

function refuseOthers(filters: Filters, { what, allowed }: { what: string; allowed: readonly string[] }): void {
  const unknown = Object.entries(filters).find(([key, value]) => value !== undefined && !allowed.includes(key))
  if (unknown === undefined) return
  throw usageError(`${what} takes no --${unknown[0]}`, [
    { path: `--${unknown[0]}`, message: 'does not apply', allowed: allowed.map(key => `--${key}`) },
  ])
}

async function fetchOne(run: Invocation, kind: Kind, name: string): Promise<unknown> {
  if (kind === 'versions') return fetchVersion(run, name)
  if (kind === 'metrics' || kind === 'events' || kind === 'deliveries') {
    throw usageError(`${kind} have no names; \`cutover get ${kind}\` lists them`)
  }
  return run.server.get(pathTo(kind, name))
}

async function fetchVersion(run: Invocation, name: string): Promise<WireVersion> {
  const [endpoint = '', version, ...rest] = name.split('/')
  if (version === undefined || rest.length > 0) {
    throw usageError('a version is named with its endpoint', [
      {
        path: 'NAME',
        message: 'is not the name of a version',
        value: name,
        allowed: ['ENDPOINT/VERSION, such as digits/v2'],
      },
    ])
  }
  const query = new URLSearchParams({ endpoint }).toString()
  const { items } = await run.server.get<{ items: WireVersion[] }>(`${pathTo('versions')}?${query}`)
  const found = items.find(one => one.name === version)
  if (found !== undefined) return found
  throw new CliError(`${endpoint} has no version ${version}`, {
    exitCode: exitCodeOf('version-not-found'),
    code: 'version-not-found',
    problems: [{ path: 'NAME', message: 'is not a version', value: version, allowed: items.map(one => one.name) }],
  })
}
