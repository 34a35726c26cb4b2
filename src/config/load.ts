/**
 * The server's own settings, from flags, the environment and the Server document of its file, read once. A flag wins over its
 * variable, and that over the file.
 */
import { resolve } from 'node:path'
import { duration } from '../contract/resource-parts.ts'
import { isDatabaseAddress } from '../contract/server.ts'
import type { CorsRule } from '../core/access/cors.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ListenerTls } from '../core/tls.ts'
import { durationMs } from './quantities.ts'
import type { FileSettings, TracingSettings } from './server-document.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export type ListenAddress = { host: string; port: number }

export const authModes = ['required', 'none'] as const
export type AuthMode = (typeof authModes)[number]

export type ListenSettings = ListenAddress & {
  /** Whether requests need an API key. */
  auth: AuthMode
  /** Null for plain HTTP. */
  tls: ListenerTls | null
  /** Null for no pages of other origins. */
  cors: CorsRule | null
}

export type InferenceSettings = ListenSettings & { connectionsMax: number }

export type ServerSettings = {
  /** Folder of the event log and the predictions; absolute. */
  data: string
  /** Address of a database of PostgreSQL, instead of files in the folder; null for files. */
  database: string | null
  inference: InferenceSettings
  control: ListenSettings
  /** Null for no gRPC. It lets in whom the inference listener lets in. */
  grpc: ListenAddress | null
  logLevel: LogLevel
  /** Null where no spans are made. */
  tracing: TracingSettings | null
  /** How long predictions are kept; null for ever. */
  keepPredictionsMs: number | null
  /** The name or address by which servers that share the database reach this one; null where it is found out. */
  advertise: string | null
  /** Where gateways of those servers reach this one; 0 for any free port. */
  peerPort: number
  /** Gateways in threads of their own, on one port; 0 for one on the main thread. */
  workers: number
  /** File of resources to apply at start; absolute, null for none. */
  resources: string | null
}

/** As they come from the command line: text, or undefined where the flag was not given. */
export type ServerFlags = {
  config?: string | undefined
  data?: string | undefined
  database?: string | undefined
  advertise?: string | undefined
  peerPort?: string | undefined
  inferenceHost?: string | undefined
  inferencePort?: string | undefined
  controlHost?: string | undefined
  controlPort?: string | undefined
  inferenceAuth?: string | undefined
  controlAuth?: string | undefined
  grpcHost?: string | undefined
  grpcPort?: string | undefined
  logLevel?: string | undefined
  keepPredictions?: string | undefined
  workers?: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Each setting's flag, variable and default: the table that the reference page shows too. */
export const settingsTable = {
  config: { flag: '--config', variable: 'CUTOVER_CONFIG', fallback: '' },
  data: { flag: '--data', variable: 'CUTOVER_DATA', fallback: './cutover-data' },
  database: { flag: '--database', variable: 'CUTOVER_DATABASE', fallback: '' },
  advertise: { flag: '--advertise', variable: 'CUTOVER_ADVERTISE', fallback: '' },
  peerPort: { flag: '--peer-port', variable: 'CUTOVER_PEER_PORT', fallback: '0' },
  inferenceHost: { flag: '--inference-host', variable: 'CUTOVER_INFERENCE_HOST', fallback: '127.0.0.1' },
  inferencePort: { flag: '--inference-port', variable: 'CUTOVER_INFERENCE_PORT', fallback: '8080' },
  controlHost: { flag: '--control-host', variable: 'CUTOVER_CONTROL_HOST', fallback: '127.0.0.1' },
  controlPort: { flag: '--control-port', variable: 'CUTOVER_CONTROL_PORT', fallback: '8081' },
  inferenceAuth: { flag: '--inference-auth', variable: 'CUTOVER_INFERENCE_AUTH', fallback: 'none' },
  controlAuth: { flag: '--control-auth', variable: 'CUTOVER_CONTROL_AUTH', fallback: 'none' },
  grpcHost: { flag: '--grpc-host', variable: 'CUTOVER_GRPC_HOST', fallback: '127.0.0.1' },
  grpcPort: { flag: '--grpc-port', variable: 'CUTOVER_GRPC_PORT', fallback: '' },
  logLevel: { flag: '--log-level', variable: 'CUTOVER_LOG_LEVEL', fallback: 'info' },
  keepPredictions: { flag: '--keep-predictions', variable: 'CUTOVER_KEEP_PREDICTIONS', fallback: '' },
  workers: { flag: '--workers', variable: 'CUTOVER_WORKERS', fallback: '' },
} as const satisfies Readonly<Record<keyof ServerFlags, { flag: string; variable: string; fallback: string }>>

export type SettingSources = { flags: ServerFlags; env: Environment; cwd: string; file?: FileSettings | null }

/** The file of documents that flag or variable name; absolute, null for none. */
export function configFile(input: SettingSources): string | null {
  const { text } = readSetting('config', input)
  return text === '' ? null : resolve(input.cwd, text)
}

/** Throws invalid-request for a setting that cannot be, binding-refused for an open address beyond loopback. */
export function loadSettings(input: SettingSources): ServerSettings {
  const problems: Problem[] = []
  const read = (key: keyof ServerFlags) => readSetting(key, input)
  const listener = (name: 'inference' | 'control'): ListenSettings => ({
    host: read(`${name}Host`).text,
    port: toPort(read(`${name}Port`), problems),
    auth: toWord(read(`${name}Auth`), authModes, { what: 'an authentication', problems }),
    tls: input.file?.[name].tls ?? null,
    cors: input.file?.[name].cors ?? null,
  })
  const database = toDatabase(read('database'), problems)
  const settings = {
    database,
    advertise: read('advertise').text || null,
    peerPort: toPort(read('peerPort'), problems),
    data: resolve(input.cwd, read('data').text),
    inference: {
      ...listener('inference'),
      connectionsMax: input.file?.inference.connections ?? limits.callerConnections,
    },
    control: listener('control'),
    tracing: input.file?.tracing ?? null,
    grpc: read('grpcPort').text === '' ? null : grpcAddress(read, problems),
    logLevel: toWord(read('logLevel'), logLevels, { what: 'a log level', problems }),
    keepPredictionsMs: toKeptMs(read('keepPredictions'), problems),
    workers: toWorkers(read('workers'), { hasDatabase: database !== null, problems }),
    resources: configFile(input),
  }
  refuseSamePort(settings, problems)
  refuseOpenPages(settings, problems)
  if (problems.length > 0) throw new CutoverError('invalid-request', 'the server cannot start like this', problems)
  refuseOpenBeyondLoopback(settings, read)
  return settings
}

function grpcAddress(read: (key: 'grpcHost' | 'grpcPort') => Setting, problems: Problem[]): ListenAddress {
  return { host: read('grpcHost').text, port: toPort(read('grpcPort'), problems) }
}

type Setting = { text: string; origin: string }

function readSetting(key: keyof ServerFlags, input: SettingSources): Setting {
  const { flag, variable, fallback } = settingsTable[key]
  const given = input.flags[key]
  if (given !== undefined) return { text: given, origin: flag }
  const fromEnv = input.env[variable]
  // An empty variable is how shells and compose files say "not set".
  if (fromEnv !== undefined && fromEnv !== '') return { text: fromEnv, origin: variable }
  const { file } = input
  const inFile = file == null ? undefined : fileSetting(key, file)
  if (file == null || inFile?.value === undefined) return { text: fallback, origin: flag }
  return { text: String(inFile.value), origin: `${file.source}: ${inFile.path}` }
}

function fileSetting(key: keyof ServerFlags, file: FileSettings): { value: unknown; path: string } | undefined {
  if (key === 'data') return { value: file.data, path: 'data' }
  if (key === 'advertise') return { value: file.advertise, path: 'advertise' }
  if (key === 'peerPort') return { value: file.peerPort, path: 'peer-port' }
  if (key === 'database') return { value: file.database, path: 'database' }
  if (key === 'logLevel') return { value: file.logLevel, path: 'log-level' }
  if (key === 'grpcHost') return { value: file.grpc.host, path: 'grpc.host' }
  if (key === 'grpcPort') return { value: file.grpc.port, path: 'grpc.port' }
  if (key === 'keepPredictions') return { value: file.keepPredictions, path: 'keep-predictions' }
  if (key === 'workers') return { value: file.workers, path: 'workers' }
  const match = /^(inference|control)(Host|Port|Auth)$/.exec(key)
  if (match === null) return undefined
  const [listener, part] = [match[1] as 'inference' | 'control', match[2]?.toLowerCase() as 'host' | 'port' | 'auth']
  return { value: file[listener][part], path: `${listener}.${part}` }
}

function toPort(setting: Setting, problems: Problem[]): number {
  const port = /^\d{1,5}$/.test(setting.text) ? Number(setting.text) : Number.NaN
  if (port >= 0 && port <= 65_535) return port
  problems.push({
    path: setting.origin,
    message: 'is not a port',
    value: setting.text,
    allowed: ['0 to 65535; 0 takes a free one'],
  })
  return 0
}

function toWord<Word extends string>(
  setting: Setting,
  allowed: readonly Word[],
  about: { what: string; problems: Problem[] },
): Word {
  const word = allowed.find(known => known === setting.text)
  if (word !== undefined) return word
  about.problems.push({ path: setting.origin, message: `is not ${about.what}`, value: setting.text, allowed })
  return allowed[0] as Word
}

function toKeptMs(setting: Setting, problems: Problem[]): number | null {
  if (setting.text === '') return null
  const keptMs = duration.safeParse(setting.text).success ? durationMs(setting.text) : Number.NaN
  if (keptMs >= limits.predictionsKeptMsMin) return keptMs
  problems.push({
    path: setting.origin,
    message: 'is no time to keep predictions for',
    value: setting.text,
    allowed: ['1h to 3650d, such as 30d; left out, they are kept for ever'],
  })
  return null
}

/** The main thread stands still while it asks a database that is far: callers must not wait for that. */
function toWorkers(setting: Setting, { hasDatabase, problems }: { hasDatabase: boolean; problems: Problem[] }): number {
  const fewest = hasDatabase ? 1 : 0
  if (setting.text === '') return fewest
  const workers = /^\d{1,3}$/.test(setting.text) ? Number(setting.text) : Number.NaN
  if (workers >= fewest && workers <= limits.gatewayWorkersMax) return workers
  const none = hasDatabase ? 'with a database one at least' : '0 is none, the gateway shares the main thread'
  problems.push({
    path: setting.origin,
    message: 'is not a number of workers',
    value: setting.text,
    allowed: [`${fewest} to ${limits.gatewayWorkersMax}; ${none}`],
  })
  return fewest
}

function toDatabase(setting: Setting, problems: Problem[]): string | null {
  if (setting.text === '') return null
  if (isDatabaseAddress(setting.text)) return setting.text
  problems.push({
    path: setting.origin,
    message: 'is not the address of a database',
    // It may hold a password.
    value: setting.text.replace(/\/\/[^@/]*@/, '//...@'),
    allowed: ['postgres://USER@HOST:PORT/DATABASE'],
  })
  return null
}

type Listeners = Pick<ServerSettings, 'inference' | 'control' | 'grpc'>

function refuseSamePort({ inference, control, grpc }: Listeners, problems: Problem[]): void {
  const refuse = (one: ListenAddress | null, other: ListenAddress, flag: string, what: string) => {
    if (one === null || one.port === 0 || one.port !== other.port || one.host !== other.host) return
    problems.push({ path: flag, message: `is the ${what} port too`, value: one.port })
  }
  refuse(control, inference, settingsTable.controlPort.flag, 'inference')
  refuse(grpc, inference, settingsTable.grpcPort.flag, 'inference')
  refuse(grpc, control, settingsTable.grpcPort.flag, 'control')
}

/** Without a key a page could move the traffic of whoever looks at it. */
function refuseOpenPages({ control }: Pick<ServerSettings, 'control'>, problems: Problem[]): void {
  if (control.cors === null || control.auth === 'required') return
  problems.push({
    path: 'control.cors',
    message: 'lets pages of other origins steer releases without a key',
    value: control.cors.origins,
    allowed: ['with `auth: required`'],
  })
}

/** A certificate that callers must show is authentication for inference; the control listener tells roles apart, by keys. */
function refuseOpenBeyondLoopback(
  { inference, control, grpc }: Listeners,
  read: (key: keyof ServerFlags) => Setting,
): void {
  const isOpen = ({ auth, tls }: ListenSettings) => auth === 'none' && (tls?.clientCa ?? null) === null
  const open = [
    ...(isOpen(inference) ? (['inferenceHost'] as const) : []),
    ...(control.auth === 'none' ? (['controlHost'] as const) : []),
    ...(grpc !== null && isOpen(inference) ? (['grpcHost'] as const) : []),
  ].map(read)
  const beyond = open.filter(({ text }) => !isLoopback(text))
  if (beyond.length === 0) return
  throw new CutoverError(
    'binding-refused',
    'without authentication Cutover listens on loopback only: anybody who reaches a listener could use your models or ' +
      'move your traffic. Ask for API keys with --inference-auth required or --control-auth required (in the file: ' +
      '`kind: Server`, `control: { auth: required }`) and make the first key with `cutover keys create`; or keep the ' +
      'listener on 127.0.0.1 behind a proxy that authenticates.',
    beyond.map(({ text, origin }) => ({
      path: origin,
      message: 'is not a loopback address',
      value: text,
      allowed: ['127.0.0.1', '::1', 'localhost', 'any address once keys are required'],
    })),
  )
}

/** Addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
