/** apply, get, describe, delete. */
import { stringify } from 'yaml'
import type {
  WireApplied,
  WireChange,
  WireEndpoint,
  WireEvent,
  WireMetric,
  WirePrediction,
  WireReleaseSummary,
  WireVersion,
} from '../../contract/wire.ts'
import { readDocuments } from '../documents.ts'
import { percent, table } from '../io.ts'
import { CliFault, exit } from '../outcome.ts'
import { type Action, type CommandContext, show } from './context.ts'

export const apply: Action<{ file: string; dryRun: boolean }> = async (context, { file, dryRun }) => {
  const documents = await readDocuments(file, context.io)
  const applied = await context.control.post<WireApplied>(`/api/v1/apply?dryRun=${dryRun}`, { documents })
  show(context, applied, () => applied.changes.map(change => writeChange(change, dryRun)).join('\n'))
  return exit.done
}

function writeChange(change: WireChange, dryRun: boolean): string {
  const word = dryRun && change.action !== 'unchanged' ? `would be ${change.action}` : change.action
  const note = change.note === null ? '' : `: ${change.note}`
  const isDiff = change.action === 'updated' || (dryRun && change.action !== 'unchanged')
  const lines = isDiff
    ? change.differences.map(one => `  ${one.path}: ${write(one.before)} -> ${write(one.after)}`)
    : []
  return [`${change.resource} ${word}${note}`, ...lines].join('\n')
}

function write(value: unknown): string {
  return value === undefined || value === null ? '(none)' : JSON.stringify(value)
}

type Kind = {
  path: string
  table: (items: readonly never[]) => string
  one: (context: CommandContext, name: string) => Promise<unknown>
}

const byPath =
  (path: string) =>
  ({ control }: CommandContext, name: string): Promise<unknown> =>
    control.get(`${path}/${encodeURIComponent(name)}`)

const byName =
  (path: string) =>
  async ({ control }: CommandContext, name: string): Promise<unknown> => {
    const { items } = await control.get<{ items: readonly { name: string }[] }>(path)
    const found = items.filter(one => one.name === name)
    if (found.length > 0) return found.length === 1 ? found[0] : found
    throw new CliFault(`there is no ${name}`, {
      exitCode: exit.usage,
      problems: [
        { path: 'NAME', message: 'not found', value: name, allowed: [...new Set(items.map(one => one.name))] },
      ],
    })
  }

const bySeq = async ({ control }: CommandContext, name: string): Promise<unknown> => {
  const { items } = await control.get<{ items: readonly WireEvent[] }>(
    `/api/v1/events?after=${Math.max(0, Number(name) - 1)}&limit=1`,
  )
  if (items[0] !== undefined && String(items[0].seq) === name) return items[0]
  throw new CliFault(`there is no event ${name}`, { exitCode: exit.usage })
}

/** What can be asked for, by its plural; singular and upper case are understood too. */
const kinds: Readonly<Record<string, Kind>> = {
  endpoints: {
    path: '/api/v1/endpoints',
    one: byPath('/api/v1/endpoints'),
    table: (items: readonly WireEndpoint[]) =>
      table(
        ['ENDPOINT', 'STABLE', 'TRAFFIC', 'RELEASE', 'VERSIONS'],
        items.map(one => [
          one.name,
          one.stable,
          traffic(one.weightsPpm),
          one.activeRelease ?? '-',
          one.versions.map(version => version.name).join(','),
        ]),
      ),
  },
  versions: {
    path: '/api/v1/versions',
    one: byName('/api/v1/versions'),
    table: (items: readonly WireVersion[]) =>
      table(
        ['ENDPOINT', 'VERSION', 'ROLE', 'TRAFFIC', 'BACKEND', 'READY', 'FLEET'],
        items.map(one => [
          one.endpoint,
          one.name,
          one.role,
          percent(one.weightPpm),
          one.backend.kind,
          `${one.instancesReady}/${one.instancesWanted}`,
          one.fleet,
        ]),
      ),
  },
  releases: { path: '/api/v1/releases', one: byPath('/api/v1/releases'), table: releasesTable },
  metrics: {
    path: '/api/v1/metrics',
    one: byName('/api/v1/metrics'),
    table: (items: readonly WireMetric[]) =>
      table(
        ['ENDPOINT', 'METRIC', 'TYPE', 'MARGIN'],
        items.map(one => [one.endpoint, one.name, one.type, one.marginUnit]),
      ),
  },
  predictions: {
    path: '/api/v1/predictions',
    one: byPath('/api/v1/predictions'),
    table: (items: readonly WirePrediction[]) =>
      table(
        ['PREDICTION', 'AT', 'ENDPOINT', 'VERSION', 'UNIT', 'STATUS', 'MS', 'ANSWER', 'LABEL'],
        items.map(one => [
          one.id,
          one.at,
          one.endpoint,
          one.version,
          one.unit,
          String(one.status),
          one.latencyMs.toFixed(1),
          String(one.answer?.[0] ?? '-'),
          String(one.outcomes.findLast(outcome => outcome.label !== null)?.label ?? '-'),
        ]),
      ),
  },
  events: {
    path: '/api/v1/events',
    one: bySeq,
    table: (items: readonly WireEvent[]) =>
      table(
        ['SEQ', 'AT', 'TYPE', 'ENDPOINT', 'RELEASE'],
        items.map(one => [String(one.seq), one.at, one.type, one.endpoint ?? '-', one.release ?? '-']),
      ),
  },
}

export function releasesTable(items: readonly WireReleaseSummary[]): string {
  return table(
    ['RELEASE', 'FROM', 'TO', 'STATE', 'TRAFFIC', 'STAGE', 'STARTED', 'WHY'],
    items.map(one => [
      one.id,
      one.from,
      one.to,
      one.state,
      percent(one.candidatePpm),
      writeStage(one),
      one.startedAt,
      one.hold?.reason ?? one.returned?.reason ?? '',
    ]),
  )
}

function writeStage({ stage }: WireReleaseSummary): string {
  if (stage === null) return '-'
  return `${stage.kind} ${stage.step === null ? 0 : stage.step + 1}/${stage.steps}`
}

function traffic(weights: Readonly<Record<string, number>>): string {
  return Object.entries(weights)
    .filter(([, ppm]) => ppm > 0)
    .map(([version, ppm]) => `${version} ${percent(ppm)}`)
    .join(', ')
}

function kindOf(word: string): Kind {
  const wanted = word.toLowerCase()
  const kind = kinds[wanted] ?? kinds[`${wanted}s`]
  if (kind !== undefined) return kind
  throw new CliFault(`there is no kind ${word}`, {
    exitCode: exit.usage,
    problems: [{ path: 'KIND', message: 'unknown kind', value: word, allowed: Object.keys(kinds) }],
  })
}

export const get: Action<{
  kind: string
  name?: string | undefined
  endpoint?: string | undefined
  limit?: string | undefined
}> = async (context, options) => {
  const kind = kindOf(options.kind)
  if (options.name !== undefined) return describe(context, { kind: options.kind, name: options.name })
  const query = new URLSearchParams()
  if (options.endpoint !== undefined) query.set('endpoint', options.endpoint)
  if (options.limit !== undefined) query.set('limit', options.limit)
  const { items } = await context.control.get<{ items: readonly never[] }>(
    `${kind.path}${query.size === 0 ? '' : `?${query}`}`,
  )
  show(context, items, () => kind.table(items))
  return exit.done
}

export const describe: Action<{ kind: string; name: string }> = async (context, { kind, name }) => {
  const found = await kindOf(kind).one(context, name)
  show(context, found, () => stringify(found, { lineWidth: 0 }).trimEnd())
  return exit.done
}

export const remove: Action<{ kind: string; name: string }> = async (context, { kind, name }) => {
  kindOf(kind)
  if (!/^endpoints?$/i.test(kind))
    throw new CliFault(`${kind} cannot be deleted: the log keeps what happened`, {
      exitCode: exit.usage,
      problems: [{ path: 'KIND', message: 'cannot be deleted', value: kind, allowed: ['endpoint'] }],
    })
  await context.control.delete(`/api/v1/endpoints/${encodeURIComponent(name)}`)
  show(context, { deleted: `Endpoint/${name}` }, () => `Endpoint/${name} deleted`)
  return exit.done
}
