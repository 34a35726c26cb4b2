/** Requests to a running server, with errors that say what to do. */
import type { WireProblem } from '../contract/wire/problem.ts'
import { CliError, exitCodeOf, exitCodes, usageError } from './errors.ts'

export type Client = {
  readonly base: string
  get<Answer>(path: string): Promise<Answer>
  send<Answer>(method: 'POST' | 'DELETE', path: string, body?: unknown, timeoutMs?: number): Promise<Answer>
  /** The raw answer, for streams; problems are thrown as elsewhere. */
  open(path: string, options: { headers: Record<string, string>; signal: AbortSignal }): Promise<Response>
}

/** An answer that takes longer than this does not come. */
const answerTimeoutMs = 60_000

export type ClientOptions = {
  base: string
  flag: string
  start: string
  actor: string | null
  /** Null for none. */
  key(): string | null
}

export function createClient(options: ClientOptions): Client {
  const base = checkedBase(options)
  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    const key = sendable(options.key())
    const headers = {
      ...(options.actor !== null && { 'x-cutover-actor': options.actor }),
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...init.headers,
    }
    try {
      return await fetch(`${base}${path}`, { redirect: 'error', ...init, headers })
    } catch (error) {
      throw unreachable(error, { ...options, base })
    }
  }
  const read = async <Answer>(path: string, init: RequestInit): Promise<Answer> => {
    const response = await ask(path, { signal: AbortSignal.timeout(answerTimeoutMs), ...init })
    if (response.status === 204) return undefined as Answer
    const body = await bodyOf(response, base)
    if (!response.ok) throw refused(problemOf(body, response, base), options.key())
    const mark = markOf(`${init.method ?? 'GET'} ${path}`)
    if (mark !== null && !isMarked(body, mark)) throw foreign(response, base)
    return body as Answer
  }
  return {
    base,
    get: path => read(path, {}),
    send: (method, path, body, timeoutMs = answerTimeoutMs) =>
      read(path, { method, signal: AbortSignal.timeout(timeoutMs), ...(body !== undefined && jsonBody(body)) }),
    async open(path, init) {
      const response = await ask(path, init)
      if (!response.ok) {
        throw refused(problemOf(await bodyOf(response, base), response, base), options.key())
      }
      return response
    },
  }
}

function jsonBody(body: unknown): RequestInit {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

function checkedBase({ base, flag }: { base: string; flag: string }): string {
  const url = URL.canParse(base) ? new URL(base) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return base.replace(/\/+$/, '')
  throw usageError(`${flag} is not an address`, [
    { path: flag, message: 'is not an address', value: base, allowed: ['http://127.0.0.1:8081'] },
  ])
}

async function bodyOf(response: Response, base: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await response.text()
  if (!/json/.test(response.headers.get('content-type') ?? '')) throw foreign(response, base)
  const body = parsed(text)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw foreign(response, base)
  return body as Readonly<Record<string, unknown>>
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function problemOf(body: Readonly<Record<string, unknown>>, response: Response, base: string): WireProblem {
  if (typeof body['code'] !== 'string' || typeof body['detail'] !== 'string') throw foreign(response, base)
  return body as WireProblem
}

function foreign({ status }: Response, base: string): CliError {
  const said =
    `${base} answers, but not as Cutover does (status ${status}); ` +
    'the control listener is 127.0.0.1:8081 by default, the inference listener 127.0.0.1:8080'
  return new CliError(said, absent.has(status) ? { code: 'unreachable' } : {})
}

/** Of a proxy that finds no server behind it, as while that one is restarted. */
const absent: ReadonlySet<number> = new Set([502, 503, 504])

type Mark = { key: string; isList: boolean }

const list = (key: string): Mark => ({ key, isList: true })
const field = (key: string): Mark => ({ key, isList: false })

/**
 * What tells an answer of Cutover from that of whatever else listens there: a key that it always has. Without it a server
 * that says yes to everything would have "started" a release. The schemas of the wire are too heavy to load for this.
 */
const marks: readonly (readonly [RegExp, Mark])[] = [
  [/^GET \/healthz$/, field('version')],
  [/^POST \/v1\/feedback$/, list('results')],
  [/^POST \/api\/v1\/(apply|flags\/import)(\?|$)/, list('changes')],
  [/^POST \/api\/v1\/releases\?dryRun=true$/, field('action')],
  [/^POST \/api\/v1\/(flags|segments)\/[^/]+\/(undo|enable|disable|serve)(\?|$)/, field('action')],
  [/^POST \/api\/v1\/flags\/[^/]+\/evaluate$/, field('reason')],
  [/^POST \/api\/v1\/keys(\/|$)/, field('key')],
  [/^POST \/api\/v1\/advise$/, list('plans')],
  [/^POST \/api\/v1\/backtest$/, list('estimates')],
  [/^POST \/api\/v1\/backtest\/release$/, field('recorded')],
  [/^POST \/api\/v1\/simulate$/, field('seeds')],
  [/^GET \/api\/v1\/releases\/[^/]+\/explain$/, list('decisions')],
  [/^(GET|POST) \/api\/v1\/releases\/[^/]+(\/[a-z]+)?$|^POST \/api\/v1\/releases$/, field('state')],
  [/^GET \/api\/v1\/endpoints\/[^/]+$/, field('stable')],
  [/^GET \/api\/v1\/endpoints\/[^/]+\/drift$/, field('status')],
  [/^GET \/api\/v1\/flags\/[^/]+$/, field('variants')],
  [/^GET \/api\/v1\/segments\/[^/]+$/, list('include')],
  [/^GET \/api\/v1\/[a-z]+(\?|$)|^GET \/api\/v1\/[a-z]+\/[^/]+\/(history|labels)$/, list('items')],
  [/^GET \/api\/v1\/predictions\/summary\?/, list('items')],
]

/** Null for an answer whose words nobody reads. */
function markOf(asked: string): Mark | null {
  return marks.find(([pattern]) => pattern.test(asked))?.[1] ?? null
}

function isMarked(body: Readonly<Record<string, unknown>>, { key, isList }: Mark): boolean {
  return isList ? Array.isArray(body[key]) : body[key] !== undefined && body[key] !== null
}

function refused(problem: WireProblem, key: string | null): CliError {
  const { detail, code, problems = [] } = problem
  const listed = problems.map(({ path, message, value, allowed }) => ({
    path,
    message,
    ...(value !== undefined && { value }),
    ...(allowed !== undefined && { allowed }),
  }))
  const message = code === 'unauthenticated' ? `${detail}. ${keyHint(key)}` : detail
  return new CliError(message, { exitCode: exitCodeOf(code), problems: listed, code })
}

const keyForm = /^ck_[a-z0-9]{4,16}_[A-Za-z0-9_-]{43}$/

/** What has not the form of a key is none to the server, which then asks for one as if nothing had been sent. */
function keyHint(sent: string | null): string {
  return sent === null || keyForm.test(sent)
    ? whereKeysAre
    : `What was sent is no key: one is ck_ID_SECRET. ${whereKeysAre}`
}

/** Where it cannot be sent, it is not shown either: an error ends up in logs. */
function sendable(key: string | null): string | null {
  if (key === null || /^[\x21-\x7e]+$/.test(key)) return key
  throw usageError('the API key has characters that no key has: a space, a line end or a letter with an accent')
}

const whereKeysAre =
  'Set CUTOVER_API_KEY; on the machine of the server CUTOVER_API_KEY_FILE=DATA-FOLDER/control.key is a key of the role admin'

function unreachable(error: unknown, options: { base: string; flag: string; start: string }): CliError {
  if (error instanceof Error && error.name === 'AbortError') throw error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as { code?: unknown } | null)?.code
  const timedOut = error instanceof Error && error.name === 'TimeoutError'
  const why = timedOut ? 'no answer in time' : typeof code === 'string' ? code : String((cause as Error).message)
  const said = isAboutCertificate(why)
    ? `the certificate of ${options.base} is not trusted (${why}); name the file of its authority in NODE_EXTRA_CA_CERTS`
    : `no Cutover server answers at ${options.base} (${why}); ${options.start}${tlsHint(options.base, why)}`
  return new CliError(said, { exitCode: exitCodes.failed, code: 'unreachable', cause: error })
}

/** Codes of OpenSSL, and Node's for a certificate of another host. */
function isAboutCertificate(code: string): boolean {
  return /^(UNABLE_TO_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT)/.test(code)
}

/** What a listener with TLS does to a caller without. */
function tlsHint(base: string, code: string): string {
  const isCut = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET'
  return isCut && base.startsWith('http:') ? ', or write https:// if it has TLS' : ''
}
