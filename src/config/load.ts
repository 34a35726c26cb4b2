/** The server's own settings, from flags and the environment, read once. A flag wins over its variable. */
import { resolve } from 'node:path'
import { CutoverError, type Problem } from '../core/errors.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export type ListenAddress = { host: string; port: number }

export type ServerSettings = {
  /** Folder of the event log and the predictions; absolute. */
  data: string
  inference: ListenAddress
  control: ListenAddress
  logLevel: LogLevel
  /** File of resources to apply at start; absolute, null for none. */
  resources: string | null
}

/** As they come from the command line: text, or undefined where the flag was not given. */
export type ServerFlags = {
  config?: string | undefined
  data?: string | undefined
  inferenceHost?: string | undefined
  inferencePort?: string | undefined
  controlHost?: string | undefined
  controlPort?: string | undefined
  logLevel?: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Each setting's flag, variable and default: the table that the reference page shows too. */
export const settingsTable = {
  config: { flag: '--config', variable: 'CUTOVER_CONFIG', fallback: '' },
  data: { flag: '--data', variable: 'CUTOVER_DATA', fallback: './cutover-data' },
  inferenceHost: { flag: '--inference-host', variable: 'CUTOVER_INFERENCE_HOST', fallback: '127.0.0.1' },
  inferencePort: { flag: '--inference-port', variable: 'CUTOVER_INFERENCE_PORT', fallback: '8080' },
  controlHost: { flag: '--control-host', variable: 'CUTOVER_CONTROL_HOST', fallback: '127.0.0.1' },
  controlPort: { flag: '--control-port', variable: 'CUTOVER_CONTROL_PORT', fallback: '8081' },
  logLevel: { flag: '--log-level', variable: 'CUTOVER_LOG_LEVEL', fallback: 'info' },
} as const satisfies Readonly<Record<keyof ServerFlags, { flag: string; variable: string; fallback: string }>>

/** Throws invalid-request for a setting that cannot be, binding-refused for an address beyond loopback. */
export function loadSettings(input: { flags: ServerFlags; env: Environment; cwd: string }): ServerSettings {
  const problems: Problem[] = []
  const read = (key: keyof ServerFlags) => readSetting(key, input)
  const config = read('config').text
  const settings = {
    data: resolve(input.cwd, read('data').text),
    inference: { host: read('inferenceHost').text, port: toPort(read('inferencePort'), problems) },
    control: { host: read('controlHost').text, port: toPort(read('controlPort'), problems) },
    logLevel: toLogLevel(read('logLevel'), problems),
    resources: config === '' ? null : resolve(input.cwd, config),
  }
  refuseSamePort(settings, problems)
  if (problems.length > 0) throw new CutoverError('invalid-request', 'the server cannot start like this', problems)
  refuseBeyondLoopback([read('inferenceHost'), read('controlHost')])
  return settings
}

type Setting = { text: string; origin: string }

function readSetting(key: keyof ServerFlags, input: { flags: ServerFlags; env: Environment }): Setting {
  const { flag, variable, fallback } = settingsTable[key]
  const given = input.flags[key]
  if (given !== undefined) return { text: given, origin: flag }
  const fromEnv = input.env[variable]
  // An empty variable is how shells and compose files say "not set".
  return fromEnv === undefined || fromEnv === ''
    ? { text: fallback, origin: flag }
    : { text: fromEnv, origin: variable }
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

function toLogLevel(setting: Setting, problems: Problem[]): LogLevel {
  const level = logLevels.find(known => known === setting.text)
  if (level !== undefined) return level
  problems.push({ path: setting.origin, message: 'is not a log level', value: setting.text, allowed: logLevels })
  return 'info'
}

function refuseSamePort(settings: Pick<ServerSettings, 'inference' | 'control'>, problems: Problem[]): void {
  const { inference, control } = settings
  if (inference.port === 0 || inference.port !== control.port || inference.host !== control.host) return
  problems.push({ path: settingsTable.controlPort.flag, message: 'is the inference port too', value: control.port })
}

function refuseBeyondLoopback(hosts: readonly Setting[]): void {
  const beyond = hosts.filter(({ text }) => !isLoopback(text))
  if (beyond.length === 0) return
  throw new CutoverError(
    'binding-refused',
    'Cutover has no authentication yet, so it listens on loopback only: anybody who reaches a listener could move ' +
      'your traffic. To serve other machines keep it on 127.0.0.1 and put a proxy that authenticates in front ' +
      '(nginx, Caddy, Envoy, an ingress sidecar): it forwards to 127.0.0.1:8080 for inference, and to ' +
      '127.0.0.1:8081 for control only for those who may release.',
    beyond.map(({ text, origin }) => ({
      path: origin,
      message: 'is not a loopback address',
      value: text,
      allowed: ['127.0.0.1', '::1', 'localhost'],
    })),
  )
}

/** Addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
