/** doctor: is everything here that a server needs, and is a server well? */
import { accessSync, constants, existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import type { WireEndpoint } from '../../contract/wire.ts'
import { table } from '../io.ts'
import { exit } from '../outcome.ts'
import { type Action, type CommandContext, show } from './context.ts'

type Finding = { check: string; state: 'ok' | 'warn' | 'fail'; detail: string }

const nodeMajor = 24

export const doctor: Action<{ data: string }> = async (context, { data }) => {
  const reached = await checkServer(context)
  const findings = [checkNode(), await checkOnnx(), checkData(resolve(context.io.cwd, data)), ...reached]
  show(context, { findings }, () =>
    table(
      ['CHECK', 'STATE', 'DETAIL'],
      findings.map(one => [one.check, one.state, one.detail]),
    ),
  )
  return findings.some(one => one.state === 'fail') ? exit.failed : exit.done
}

function checkNode(): Finding {
  const { node } = process.versions
  const isEnough = Number(node.split('.')[0]) >= nodeMajor
  return {
    check: 'node',
    state: isEnough ? 'ok' : 'fail',
    detail: isEnough ? node : `${node}; ${nodeMajor} or later is needed`,
  }
}

async function checkOnnx(): Promise<Finding> {
  try {
    await import('onnxruntime-node')
    return { check: 'onnx', state: 'ok', detail: 'onnxruntime-node is installed' }
  } catch {
    return {
      check: 'onnx',
      state: 'warn',
      detail:
        'onnxruntime-node is missing, so ONNX files cannot be served; ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node',
    }
  }
}

function checkData(folder: string): Finding {
  const place = existsSync(folder) ? folder : dirname(folder)
  try {
    accessSync(place, constants.W_OK)
    return { check: 'data', state: 'ok', detail: `${folder} ${place === folder ? 'can be written' : 'can be made'}` }
  } catch {
    return {
      check: 'data',
      state: 'fail',
      detail: `${place} cannot be written; choose another folder with --data FOLDER`,
    }
  }
}

async function checkServer(context: CommandContext): Promise<Finding[]> {
  try {
    const { items } = await context.control.get<{ items: readonly WireEndpoint[] }>('/api/v1/endpoints')
    return [
      { check: 'server', state: 'ok', detail: `answers at ${context.control.url}` },
      await checkInference(context),
      ...items.map(checkEndpoint),
    ]
  } catch {
    const down: Finding = {
      check: 'server',
      state: 'warn',
      detail: `none answers at ${context.control.url}; start one with \`cutover serve -c cutover.yaml\``,
    }
    return [down, await checkPort('inference', context.inference.url), await checkPort('control', context.control.url)]
  }
}

async function checkInference({ inference }: CommandContext): Promise<Finding> {
  try {
    const { status } = await fetch(`${inference.url}/v2/health/ready`)
    return {
      check: 'inference',
      state: status === 200 ? 'ok' : 'warn',
      detail: `${inference.url} is ${status === 200 ? 'ready' : `not ready (status ${status})`}`,
    }
  } catch {
    return {
      check: 'inference',
      state: 'fail',
      detail: `${inference.url} does not answer; name it with --inference URL`,
    }
  }
}

function checkEndpoint(endpoint: WireEndpoint): Finding {
  const serving = endpoint.versions.filter(version => version.weightPpm > 0)
  const missing = serving.filter(version => version.instancesReady === 0)
  const why = missing.flatMap(version =>
    version.instances.map(instance => `${version.name}: ${instance.state}, ${instance.detail}`),
  )
  return missing.length === 0
    ? {
        check: `endpoint ${endpoint.name}`,
        state: 'ok',
        detail: serving
          .map(version => `${version.name} ${version.instancesReady}/${version.instancesWanted} ready`)
          .join(', '),
      }
    : { check: `endpoint ${endpoint.name}`, state: 'fail', detail: why.join('; ') || 'no instance is ready' }
}

function checkPort(check: string, url: string): Promise<Finding> {
  const { hostname, port } = new URL(url)
  return new Promise(done => {
    const server = createServer()
    server.once('error', error =>
      done({ check: `${check} port`, state: 'fail', detail: `${hostname}:${port}: ${error.message}` }),
    )
    server.listen(Number(port || 80), hostname, () =>
      server.close(() => done({ check: `${check} port`, state: 'ok', detail: `${hostname}:${port} is free` })),
    )
  })
}
