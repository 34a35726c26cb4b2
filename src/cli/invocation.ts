/** What every command works with, and how it becomes a command of the program. */
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { WirePlan } from '../contract/wire/plan.ts'
import type { WireSimulation } from '../contract/wire/simulation.ts'
import { type Client, createClient } from './client.ts'
import { usageError } from './errors.ts'
import type { CliIo } from './io.ts'
import { type Paint, painter } from './text.ts'

/** A document with its place in the file it came from. */
export type CliDocument = { value: unknown; source: string; line: number; lineOf(path: string): number }

/** As typed, undefined where a flag was not given. */
export type ServeFlags = {
  config?: string
  data?: string
  database?: string
  advertise?: string
  peerPort?: string
  inferenceHost?: string
  inferencePort?: string
  controlHost?: string
  controlPort?: string
  inferenceAuth?: string
  controlAuth?: string
  grpcHost?: string
  grpcPort?: string
  logLevel?: string
  keepPredictions?: string
  workers?: string
}

/** As typed; what is not given is as for `serve`. */
export type MoveFlags = { data?: string; database?: string }

/** How much went from a folder into a database, which the names are of. */
export type Moved = { from: string; to: string; events: number; predictions: number; outcomes: number }

export type DemoOptions = {
  /** Ends after one run instead of staying up. */
  once: boolean
  seed: number | null
  output: 'text' | 'json'
}

/** Documents as they are written; `told` hears how far it is. */
export type SimulateRequest = {
  endpoint: unknown
  release: unknown
  scenarios: readonly unknown[]
  /** Strategies beside each other; the release's own stages where there are none. */
  compare: readonly WirePlan['stages'][number]['kind'][]
  seeds: { first: number; count: number }
  told: (what: { strategy: string; scenario: string; done: number }) => void
}

/** The parts that the composition root brings, each loaded when it is needed. */
export type CliActions = {
  version: string
  /** Resolves with the exit code when the server has ended. */
  serve(flags: ServeFlags, io: CliIo, output: 'text' | 'json'): Promise<number>
  demo(options: DemoOptions, io: CliIo): Promise<number>
  /** From a data folder into a database. */
  move(flags: MoveFlags, io: CliIo): Promise<Moved>
  /** On this machine, without a server. */
  simulate(request: SimulateRequest): Promise<WireSimulation>
  /** YAML or JSON; throws an error with `code` and `problems`. */
  parseDocuments(text: string, options: { source: string }): readonly CliDocument[] | Promise<readonly CliDocument[]>
}

export type Invocation = {
  io: CliIo
  actions: CliActions
  output: 'text' | 'json'
  paint: Paint
  /** The control listener. */
  server: Client
  inference: Client
  /** Text for people; says nothing when the output is JSON. */
  say(text: string): void
  /** A JSON document, or the text that says the same. */
  answer(value: unknown, text: () => string): void
}

export type Handler = (run: Invocation, args: string[], options: Record<string, unknown>) => Promise<number>

export type Register = (program: Command, does: (handler: Handler) => (...all: unknown[]) => Promise<void>) => void

export const defaultServer = 'http://127.0.0.1:8081'
export const defaultInference = 'http://127.0.0.1:8080'

export function createInvocation(actions: CliActions, io: CliIo, options: Record<string, unknown>): Invocation {
  const output = options['output'] === 'json' ? 'json' : 'text'
  const actor = actorName(io)
  const start = 'start one with `cutover serve -c cutover.yaml`, or name another one with'
  const client = (flag: string, variable: string, fallback: string) =>
    createClient({
      base: addressOf(options[flag.slice(2)], io, { variable, fallback }),
      flag,
      start: `${start} ${flag} URL`,
      actor,
      key: () => apiKey(options, io),
    })
  return {
    io,
    actions,
    output,
    paint: painter(io.stdout, io.env),
    get server() {
      return client('--server', 'CUTOVER_SERVER', defaultServer)
    },
    get inference() {
      return client('--inference', 'CUTOVER_INFERENCE', defaultInference)
    },
    say: text => {
      if (output === 'text') io.stdout.write(text)
    },
    answer: (value, text) => {
      io.stdout.write(output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : text())
    },
  }
}

/** Null where none is given: a server on loopback may ask for none. */
function apiKey(options: Record<string, unknown>, io: CliIo): string | null {
  const { apiKey: given, apiKeyFile: file } = options
  const path = typeof file === 'string' ? file : io.env['CUTOVER_API_KEY_FILE']
  const fromFile = (): string | null => (path === undefined || path === '' ? null : readKeyFile(resolve(io.cwd, path)))
  if (typeof given === 'string') return given
  if (typeof file === 'string') return fromFile()
  return io.env['CUTOVER_API_KEY'] || fromFile()
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw usageError(`cannot read the API key: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function addressOf(given: unknown, io: CliIo, from: { variable: string; fallback: string }): string {
  if (typeof given === 'string') return given
  const variable = io.env[from.variable] ?? ''
  return variable === '' ? from.fallback : variable
}

/** For the log of the server; a claim, not a proof. */
function actorName(io: CliIo): string | null {
  const name = io.env['USER'] ?? io.env['USERNAME'] ?? systemUser()
  return name !== null && /^[\w.@+-]{1,96}$/.test(name) ? `cli:${name}` : null
}

/** Throws where the user has no entry, as in many containers. */
function systemUser(): string | null {
  try {
    return userInfo().username
  } catch {
    return null
  }
}

export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map(line => `  $ ${line}`).join('\n')}\n`
}

export function pathTo(...segments: string[]): string {
  return `/api/v1/${segments.map(encodeURIComponent).join('/')}`
}
