/** The server from outside: memory, sockets, and what it says of itself. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { rssMegabytesOf, treeOf } from '../gateway/proc.ts'

export type Look = { atMs: number; megabytes: number; sockets: number; timers: number; handles: number }

/** Of one that stands by timers and handles are not known: its control listener tells of the one that decides. */
export async function look(server: { pid: number; control: string }): Promise<Look> {
  const page = await metricsOf(server.control)
  return {
    atMs: performance.now(),
    megabytes: rssMegabytesOf(treeOf(server.pid)),
    sockets: treeOf(server.pid).reduce((sum, pid) => sum + socketsOf(pid), 0),
    timers: page.sum('cutover_process_nodejs_active_resources', { type: 'Timeout' }),
    handles: page.sum('cutover_process_nodejs_active_handles'),
  }
}

function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter(descriptor => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith('socket:')
    } catch {
      // Closed while we looked.
      return false
    }
  }).length
}

/** Connections that callers hold to a port of the server. */
export function connectionsTo(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const established = '01'
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
  return lines.filter(line => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return local.endsWith(`:${hex}`) && state === established
  }).length
}

export type MetricsPage = { sum(name: string, labels?: Readonly<Record<string, string>>): number }

export async function metricsOf(control: string): Promise<MetricsPage> {
  const text = await (await fetch(`${control}/metrics`)).text()
  const series = [...text.matchAll(/^([a-z_]+)(?:\{([^}]*)\})? (\S+)/gm)]
  return {
    sum: (name, labels = {}) =>
      series
        .filter(([, found]) => found === name)
        .filter(([, , given = '']) =>
          Object.entries(labels).every(([key, value]) => given.includes(`${key}="${value}"`)),
        )
        .reduce((sum, [, , , value]) => sum + Number(value), 0),
  }
}
