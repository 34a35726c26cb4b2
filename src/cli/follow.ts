/** Follows the story of a release over server-sent events, across connections that break. */
import type { WireReleaseSummary, WireTimelineEntry } from '../contract/wire/release.ts'
import type { Client } from './client.ts'
import { CliError } from './errors.ts'

export type Outcome = 'promoted' | 'rolled-back' | 'holding' | 'timed-out'

/** Null while there is more to wait for. */
export type EndOf = (release: WireReleaseSummary) => Outcome | null

/** To the very end, past holds and probation. */
export const atTheEnd: EndOf = ({ state }) => (state === 'promoted' || state === 'rolled-back' ? state : null)

/**
 * Until the candidate serves everybody, is taken back, or a person is needed. A hold that ends by itself as soon as the
 * traffic or a signal is in order again is waited out. Probation is not: it may take hours.
 */
export const atTheTurn: EndOf = release => {
  const { state, phase, hold } = release
  if (phase === 'probation') return 'promoted'
  const needsPerson = state === 'paused' || (hold !== null && !endsByItself.has(hold.cause))
  return needsPerson ? 'holding' : atTheEnd(release)
}

const endsByItself: ReadonlySet<string> = new Set(['invalid', 'signal', 'freeze', 'group'])

export type FollowOptions = {
  client: Client
  release: string
  onEntry(entry: WireTimelineEntry): void
  endOf: EndOf
  timeoutMs: number | null
}

const reconnectDelayMs = 1_000
/** A server that stays away longer than this has not just been restarted. */
const reconnectMaxMs = 60_000

export async function followRelease(options: FollowOptions): Promise<Outcome> {
  const deadline = new AbortController()
  const timer =
    options.timeoutMs === null ? null : setTimeout(() => deadline.abort(), Math.min(options.timeoutMs, 2 ** 31 - 1))
  try {
    return await followUntil(options, deadline.signal)
  } catch (error) {
    if (deadline.signal.aborted) return 'timed-out'
    throw error
  } finally {
    if (timer !== null) clearTimeout(timer)
    // Lets go of a stream that is still open.
    deadline.abort()
  }
}

async function followUntil(options: FollowOptions, deadline: AbortSignal): Promise<Outcome> {
  const progress: Progress = { lastId: null, seen: new Set(), connected: false, awaySince: null }
  for (;;) {
    deadline.throwIfAborted()
    try {
      const outcome = await readOnce(options, progress, deadline)
      if (outcome !== null) return outcome
    } catch (error) {
      if (!isPassing(error, progress)) throw error
      progress.awaySince ??= Date.now()
    }
    await delay(reconnectDelayMs, deadline)
  }
}

type Progress = { lastId: string | null; seen: Set<string>; connected: boolean; awaySince: number | null }

/** Null if the connection broke before the release ended. */
async function readOnce(options: FollowOptions, progress: Progress, deadline: AbortSignal): Promise<Outcome | null> {
  const { client, release } = options
  const headers = { accept: 'text/event-stream', ...(progress.lastId !== null && { 'last-event-id': progress.lastId }) }
  const path = `/api/v1/releases/${encodeURIComponent(release)}`
  const response = await client.open(`${path}/events`, { headers, signal: deadline })
  progress.connected = true
  progress.awaySince = null
  for await (const { id, data } of readEvents(response)) {
    progress.lastId = id ?? progress.lastId
    const entry = JSON.parse(data) as WireTimelineEntry
    const key = `${entry.seq} ${entry.kind} ${entry.text}`
    if (progress.seen.has(key)) continue
    progress.seen.add(key)
    options.onEntry(entry)
    if (!turningPoints.has(entry.kind)) continue
    const outcome = options.endOf(await client.get<WireReleaseSummary>(path))
    // An end that the story itself comes to is told to its last entry first.
    if (outcome === 'holding' || (outcome === 'promoted' && entry.kind === 'promoted')) return outcome
  }
  return options.endOf(await client.get<WireReleaseSummary>(path))
}

/** Entries after which the wait may be over. They may be old news when they are read, so the state decides. */
const turningPoints: ReadonlySet<WireTimelineEntry['kind']> = new Set(['hold', 'paused', 'promoted'])

/** What a restart of the server looks like from here. One that never answered was not restarted, and a refusal is none. */
function isPassing(error: unknown, { connected, awaySince }: Progress): boolean {
  if (!connected || (awaySince !== null && Date.now() - awaySince > reconnectMaxMs)) return false
  if (error instanceof CliError) return error.code === 'unreachable' || error.code === 'overloaded'
  // How `fetch` says that a connection broke in the middle; without a cause it is a mistake of the program.
  return error instanceof TypeError && error.cause !== undefined
}

type ServerEvent = { id: string | null; data: string }

async function* readEvents(response: Response): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let buffered = ''
  for await (const chunk of response.body ?? []) {
    buffered += decoder.decode(chunk, { stream: true })
    const blocks = buffered.split('\n\n')
    buffered = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = parseBlock(block)
      if (event !== null) yield event
    }
  }
}

function parseBlock(block: string): ServerEvent | null {
  let id: string | null = null
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) id = line.slice(4)
    if (line.startsWith('data: ')) data.push(line.slice(6))
  }
  return data.length === 0 ? null : { id, data: data.join('\n') }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
  })
}
