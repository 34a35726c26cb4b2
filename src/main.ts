/** The commands that need a server in their own process: `serve` and `demo`. What a server is made of stands in `main/`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ToldToEnd } from './adapters/postgres/shared-database.ts'
import { runDemo } from './cli/demo/demo.ts'
import { exitCodes } from './cli/errors.ts'
import type { DemoOptions, ServeFlags } from './cli/invocation.ts'
import type { CliIo } from './cli/io.ts'
import type { ServerSettings } from './config/load.ts'
import { readSettings } from './config/read-settings.ts'
import { CutoverError } from './core/errors.ts'
import { limits } from './core/limits.ts'
import { addressesJson, addressesText, urlOf } from './main/addresses.ts'
import { keepHeapRoom } from './main/heap.ts'
import { type RunningServer, startServer } from './main/start-server.ts'

/** Serves until it is told to end. */
export async function serve(flags: ServeFlags, io: CliIo, output: 'text' | 'json'): Promise<number> {
  keepHeapRoom()
  const interrupted = once(interruption)
  const settings = await readSettings({ flags, env: io.env, cwd: io.cwd })
  const server = await startServer(settings, interrupted).catch((error: unknown) => {
    if (error instanceof ToldToEnd) return null
    throw error
  })
  if (server === null) return exitCodes.done
  if (output === 'json') io.stdout.write(addressesJson(server))
  else io.stderr.write(addressesText(server))
  const isTakenOver = await Promise.race([interrupted().then(() => false), server.takenOver.then(() => true)])
  if (isTakenOver) io.stderr.write('another server has taken over the database: this one ends\n')
  await server.stop()
  return isTakenOver ? exitCodes.failed : exitCodes.done
}

/** The demo, on a server of its own in a folder that goes with it. */
export async function demo(options: DemoOptions, io: CliIo): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-demo-'))
  try {
    return await runDemo({
      once: options.once,
      json: options.output === 'json',
      seed: options.seed ?? 1,
      start: async resources => {
        const server = await startOnFreePorts({ data: folder, logLevel: 'error', resources })
        return { inferenceUrl: urlOf(server.inference), controlUrl: urlOf(server.control), stop: server.stop }
      },
      write: line => io.stdout.write(`${line}\n`),
      interrupted: interruption(),
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const openLoopback = { host: '127.0.0.1', auth: 'none', tls: null, cors: null } as const

/** From the first time that it is asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => {
    made ??= make()
    return made
  }
}

/** The usual ports, or free ones if somebody has those. */
async function startOnFreePorts(
  settings: Pick<ServerSettings, 'data' | 'logLevel' | 'resources'>,
): Promise<RunningServer> {
  const at = (inference: number, control: number) =>
    startServer({
      ...settings,
      tracing: null,
      inference: { ...openLoopback, port: inference, connectionsMax: limits.callerConnections },
      control: { ...openLoopback, port: control },
      grpc: null,
      keepPredictionsMs: null,
      database: null,
      advertise: null,
      peerPort: 0,
      workers: 0,
    })
  try {
    return await at(8080, 8081)
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'port-in-use') return at(0, 0)
    throw error
  }
}

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once. */
function interruption(): Promise<void> {
  return new Promise(resolve => {
    const stop = (): void => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.removeListener(signal, stop)
        process.once(signal, () => process.exit(exitCodes.failed))
      }
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  })
}
