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
    if (!response.ok) throw refused(body as WireProblem, response, options.key())
    return body as Answer
  }
  return {
    base,
    get: path => read(path, {}),
    send: (method, path, body, timeoutMs = answerTimeoutMs) =>
      read(path, { method, signal: AbortSignal.timeout(timeoutMs), ...(body !== undefined && jsonBody(body)) }),
    async open(path, init) {
      const response = await ask(path, init)
      if (!response.ok) throw refused((await bodyOf(response, base)) as WireProblem, response, options.key())
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

async function bodyOf(response: Response, base: string): Promise<unknown> {
  const text = await response.text()
  if (/json/.test(response.headers.get('content-type') ?? '')) return JSON.parse(text)
  throw new CliError(
    `${base} answers, but not as Cutover does (status ${response.status}); ` +
      'the control listener is 127.0.0.1:8081 by default, the inference listener 127.0.0.1:8080',
  )
}

function refused(problem: WireProblem, response: Response, key: string | null): CliError {
  const { detail, code = '', problems = [] } = problem
  const listed = problems.map(({ path, message, value, allowed }) => ({
    path,
    message,
    ...(value !== undefined && { value }),
    ...(allowed !== undefined && { allowed }),
  }))
  const said = detail ?? `the server answered ${response.status}`
  const message = code === 'unauthenticated' ? `${said}. ${keyHint(key)}` : said
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
