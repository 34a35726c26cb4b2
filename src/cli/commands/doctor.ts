/** `cutover doctor`: what is in order here, what is not, and what to do about it. */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, resolve } from 'node:path'
import type { WireEndpoint } from '../../contract/wire/endpoint.ts'
import { lackOf } from '../../contract/words/readiness.ts'
import { CliError, exitCodes } from '../errors.ts'
import { examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { type Colour, printable } from '../text.ts'

export type Finding = { name: string; status: 'ok' | 'warn' | 'fail'; detail: string; remedy: string | null }

export const registerDoctor: Register = (program, does) => {
  program
    .command('doctor')
    .description('check this machine and the server: Node, ONNX Runtime, ports, data folder, endpoints')
    .option('--data <dir>', 'data folder to check (CUTOVER_DATA; default ./cutover-data)')
    .addHelpText('after', examples('cutover doctor', 'cutover doctor --server http://127.0.0.1:9081 -o json'))
    .action(
      does(async (run, _, { data }) => {
        const checks = await examine(run, typeof data === 'string' ? data : undefined)
        const width = Math.max(...checks.map(({ name }) => name.length))
        run.answer({ checks }, () => checks.map(check => findingText(check, width, run)).join(''))
        return checks.some(({ status }) => status === 'fail') ? exitCodes.failed : exitCodes.done
      }),
    )
}

async function examine(run: Invocation, data: string | undefined): Promise<Finding[]> {
  const server = await serverFindings(run)
  return [
    nodeFinding(process.versions.node),
    await onnxFinding(),
    await dataFinding(run, data),
    await portFinding('inference port', run.inference.base, server.isUp),
    ...(server.isUp ? [] : [await portFinding('control port', run.server.base, false)]),
    ...server.findings,
  ]
}

const nodeMajorMin = 24

export function nodeFinding(version: string): Finding {
  const isEnough = Number(version.split('.')[0]) >= nodeMajorMin
  const remedy = `install Node ${nodeMajorMin} or later, or run: npx --package=node@${nodeMajorMin} --package=cutover -- cutover`
  return { name: 'node', status: isEnough ? 'ok' : 'fail', detail: version, remedy: isEnough ? null : remedy }
}

async function onnxFinding(): Promise<Finding> {
  const name = 'onnxruntime'
  // Optional, and not to be bundled or resolved before it is asked for.
  const specifier: string = 'onnxruntime-node'
  try {
    await import(specifier)
    return { name, status: 'ok', detail: 'loads; onnx versions run in-process', remedy: null }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const remedy = 'needed for versions with `onnx` only: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node'
    return { name, status: 'warn', detail: `does not load: ${reason}`, remedy }
  }
}

async function dataFinding(run: Invocation, given: string | undefined): Promise<Finding> {
  const folder = resolve(run.io.cwd, given ?? (run.io.env['CUTOVER_DATA'] || './cutover-data'))
  const name = 'data folder'
  try {
    const present = await nearestFolder(folder)
    await access(present, constants.R_OK | constants.W_OK | constants.X_OK)
    const detail = present === folder ? `${folder} is writable` : `${folder} can be made`
    return { name, status: 'ok', detail, remedy: null }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { name, status: 'fail', detail: reason, remedy: 'make it writable, or choose another one with --data' }
  }
}

/** The folder, or the nearest one above it that is there. Throws where a file stands in the way. */
async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (found === null) return nearestFolder(dirname(path))
  if (!found.isDirectory()) throw new Error(`${path} is not a folder`)
  return path
}

async function portFinding(name: string, base: string, isServing: boolean): Promise<Finding> {
  const { hostname, port, protocol } = new URL(base)
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  const isTaken = await answers(hostname.replace(/^\[|\]$/g, ''), number)
  const flag = name === 'inference port' ? '--inference-port' : '--control-port'
  if (isServing) {
    return isTaken
      ? { name, status: 'ok', detail: `${base} is served`, remedy: null }
      : { name, status: 'fail', detail: `nothing listens at ${base}`, remedy: 'name the listener with --inference URL' }
  }
  return isTaken
    ? { name, status: 'fail', detail: `${base} is used by another program`, remedy: `start the server with ${flag} N` }
    : { name, status: 'ok', detail: `${base} is free`, remedy: null }
}

const connectTimeoutMs = 2_000

function answers(host: string, port: number): Promise<boolean> {
  return new Promise(done => {
    const socket = connect({ host, port, timeout: connectTimeoutMs })
    const end = (isTaken: boolean) => () => {
      socket.destroy()
      done(isTaken)
    }
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  })
}

type ServerFindings = { isUp: boolean; findings: Finding[] }

async function serverFindings(run: Invocation): Promise<ServerFindings> {
  const { base } = run.server
  try {
    const { version } = await run.server.get<{ version: string }>('/healthz')
    const up: Finding = { name: 'server', status: 'ok', detail: `Cutover ${version} at ${base}`, remedy: null }
    const { items } = await run.server.get<{ items: WireEndpoint[] }>(pathTo('endpoints'))
    return { isUp: true, findings: [up, ...(items.length === 0 ? [noEndpoints] : items.map(endpointFinding))] }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    const detail = `no Cutover server answers at ${base}`
    const remedy = 'start one: cutover serve -c cutover.yaml, or see one at work: cutover demo'
    return { isUp: false, findings: [{ name: 'server', status: 'warn', detail, remedy }] }
  }
}

const noEndpoints: Finding = {
  name: 'endpoints',
  status: 'warn',
  detail: 'there are none yet',
  remedy: 'make some: cutover apply -f cutover.yaml',
}

function endpointFinding(endpoint: WireEndpoint): Finding {
  const name = `endpoint ${endpoint.name}`
  const lack = lackOf(endpoint)
  if (lack === null) return { name, status: 'ok', detail: `${endpoint.stable} is ready`, remedy: null }
  return { name, status: lack.isDown ? 'fail' : 'warn', detail: lack.text, remedy: `look at it: ${lack.command}` }
}

const colours: Readonly<Record<Finding['status'], Colour>> = { ok: 'green', warn: 'yellow', fail: 'red' }

function findingText({ name, status, detail, remedy }: Finding, width: number, { paint }: Invocation): string {
  const line = `${paint(colours[status], status.padEnd(4))}  ${printable(name).padEnd(width)}  ${printable(detail)}\n`
  return remedy === null ? line : `${line}${' '.repeat(width + 8)}${printable(remedy)}\n`
}
