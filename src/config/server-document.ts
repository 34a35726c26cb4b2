/** The server's own document in the file that it is given: found, checked, its paths made absolute beside the file. */
import { dirname, resolve } from 'node:path'
import { toProblems } from '../contract/problems.ts'
import { type CorsSettings, type ServerDocument, serverDocument } from '../contract/server.ts'
import type { CorsRule } from '../core/access/cors.ts'
import { CutoverError } from '../core/errors.ts'
import type { ListenerTls } from '../core/tls.ts'
import type { SourcedDocument } from './documents.ts'
import { durationMs, percentPpm } from './quantities.ts'

export type ListenerDocument = {
  host?: string
  port?: number
  auth?: 'required' | 'none'
  tls: ListenerTls | null
  cors: CorsRule | null
}

/** `headers`: names of variables, by the field that they are for. */
export type TracingSettings = { url: string; samplePpm: number; headers: Readonly<Record<string, string>> }

/** What the file says of the server; what it leaves out is left out here too. */
export type FileSettings = {
  source: string
  data?: string
  database?: string
  advertise?: string
  peerPort?: number
  logLevel?: string
  tracing: TracingSettings | null
  keepPredictions?: string
  workers?: number
  inference: ListenerDocument & { connections?: number }
  control: ListenerDocument
  grpc: { host?: string; port?: number }
}

export function isServerDocument(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'Server'
}

/** Null if the file has none. Throws invalid-resource with a problem per fault. */
export function serverSettingsIn(documents: readonly SourcedDocument[]): FileSettings | null {
  const [document, another] = documents.filter(({ value }) => isServerDocument(value))
  if (document === undefined) return null
  const { source } = document
  if (another !== undefined)
    throw new CutoverError('invalid-resource', `${source} has two documents of the kind Server; it can have one`, [
      { path: `${source}:${another.line}`, message: 'is the second one' },
    ])
  const result = serverDocument.safeParse(document.value)
  if (result.success) return compile(result.data, source)
  const problems = toProblems(result.error, document.value).map(problem => ({
    ...problem,
    path: `${source}:${document.lineOf(problem.path)} ${problem.path}`,
  }))
  throw new CutoverError('invalid-resource', `the Server document of ${source} is not valid`, problems)
}

function compile(document: ServerDocument, source: string): FileSettings {
  const folder = dirname(resolve(source))
  const { data, inference, control, grpc } = document
  return {
    source,
    ...(data !== undefined && { data: resolve(folder, data) }),
    ...(document.database !== undefined && { database: document.database }),
    ...(document.advertise !== undefined && { advertise: document.advertise }),
    ...(document['peer-port'] !== undefined && { peerPort: document['peer-port'] }),
    ...(document.workers !== undefined && { workers: document.workers }),
    ...(document['keep-predictions'] !== undefined && { keepPredictions: document['keep-predictions'] }),
    ...(document['log-level'] !== undefined && { logLevel: document['log-level'] }),
    tracing: compileTracing(document.tracing),
    inference: {
      ...compileListener(inference, folder),
      ...(inference.connections !== undefined && { connections: inference.connections }),
    },
    control: compileListener(control, folder),
    grpc: grpc === undefined ? {} : { port: grpc.port, ...(grpc.host !== undefined && { host: grpc.host }) },
  }
}

function compileTracing(tracing: ServerDocument['tracing']): TracingSettings | null {
  if (tracing === undefined) return null
  const headers = Object.entries(tracing.headers).map(([name, { env }]) => [name, env] as const)
  return { url: tracing.otlp, samplePpm: percentPpm(tracing.sample), headers: Object.fromEntries(headers) }
}

function compileListener(listener: ServerDocument['control'], folder: string): ListenerDocument {
  const { host, port, auth, tls, cors } = listener
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(auth !== undefined && { auth }),
    tls: tls === undefined ? null : compileTls(tls, folder),
    cors: cors === undefined ? null : compileCors(cors),
  }
}

function compileTls(tls: NonNullable<ServerDocument['inference']['tls']>, folder: string): ListenerTls {
  const { cert, key, 'client-ca': clientCa } = tls
  return {
    cert: resolve(folder, cert),
    key: resolve(folder, key),
    clientCa: clientCa === undefined ? null : resolve(folder, clientCa),
  }
}

function compileCors(cors: CorsSettings): CorsRule {
  const { origins, methods, headers, expose, credentials } = cors
  return {
    origins,
    methods: methods.map(method => method.toUpperCase()),
    headers: headers.map(name => name.toLowerCase()),
    exposed: expose,
    credentials,
    maxAgeSeconds: Math.floor(durationMs(cors['max-age']) / 1_000),
  }
}
