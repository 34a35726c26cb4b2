/** Fleets of ONNX models behind a real gateway, replaced under load: controller, deployer and data plane as they are composed. */

import { afterAll, expect, onTestFinished, test } from 'vitest'
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { createDeployer } from '../../src/adapters/deployer/deployer.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { type Controller, createController } from '../../src/controller/controller.ts'
import type { StagePlan } from '../../src/core/stage-plans.ts'
import { createGateway } from '../../src/gateway/gateway.ts'
import { fastClock, silentLogger, temporaryFile, until } from '../adapters/deployer/support.ts'
import { identityModel } from '../fixtures/onnx-model.ts'
import { memoryRecorder } from '../support/gateway-rig.ts'
import { ask, inferPath, keepAlive } from '../support/http-caller.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

afterAll(() => keepAlive.destroy())

async function server(sizes: { v1: number; v2: number }) {
  const clock = fastClock(10)
  const path = temporaryFile('model.onnx', identityModel('FP32'))
  const deployer = createDeployer({ clock, logger: silentLogger, report: report => controller.report(report) })
  const gateway = createGateway({ fleets: deployer.fleets, recorder: memoryRecorder(), clock, version: '0' })
  const controller: Controller = createController({
    isWhole: () => true,
    ...{
      clock,
      deployer,
      traffic: gateway,
      flags: gateway,
      log: createMemoryEventLog(),
      expressions: createExpressions(),
    },
    evidence: { read: () => [], forget: () => {} },
    rate: { perSecond: () => null },
    sources: { read: () => ({}) },
    notices: { take: () => {} },
    monitoring: { watch: () => null, delays: () => [] },
    gates: { ask: () => Promise.resolve(null) },
    baselines: { read: async () => ({ known: false, reason: 'nothing was recorded' }) },
    trials: { run: () => Promise.reject(new Error('nothing is tried here')) },
    secrets: nodeSecrets,
    complain: (what, cause) => {
      throw new Error(what, { cause })
    },
  })
  controller.start()
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    controller.stop()
    await gateway.close({ drainMs: 0 })
    await deployer.close()
  })
  const version = (name: 'v1' | 'v2') => ({ name, backend: { kind: 'onnx', path } as const, instances: sizes[name] })
  const versions = { v1: version('v1'), v2: version('v2') }
  const spec = endpointSpec({ versions, answer: null, metrics: {} })
  await controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
  await until(() => deployer.fleets.readyCount('digits', 'v1') === sizes.v1)
  return { controller, deployer, port }
}

/** Four callers from before the release until after it; answers the statuses and versions that they met. */
async function underLoad(port: number, during: () => Promise<void>) {
  const met = { statuses: new Set<number>(), versions: new Set<unknown>(), requests: 0 }
  let over = false
  const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] })
  const caller = async (): Promise<void> => {
    while (!over) {
      const { status, headers } = await ask(port, {
        path: inferPath,
        body,
        headers: { 'content-type': 'application/json' },
      })
      met.statuses.add(status)
      met.versions.add(headers['x-cutover-version'])
      met.requests += 1
    }
  }
  const callers = Array.from({ length: 4 }, caller)
  const more = (): Promise<void> => {
    const enough = met.requests + 50
    return until(() => met.requests >= enough)
  }
  try {
    await more()
    await during()
    await more()
  } finally {
    over = true
    await Promise.all(callers)
  }
  return met
}

const stages: Record<string, StagePlan> = {
  rolling: {
    kind: 'rolling',
    maxSurge: { count: 1 },
    maxUnavailable: { count: 0 },
    minReadyMs: 500,
    progressDeadlineMs: 600_000,
    minRequests: 0,
  },
  recreate: { kind: 'recreate', holdMs: 50_000, retryAfterMs: 5_000, watchMs: 0 },
}

test.each(Object.entries(stages))(
  '%s replaces a fleet of models in threads, and every request is answered',
  async (_, stage) => {
    const { controller, deployer, port } = await server({ v1: 3, v2: 2 })
    const { planVersion: _version, from: _from, ...plan } = releasePlan({ stages: [stage], readyTimeoutMs: 600_000 })
    const met = await underLoad(port, async () => {
      await controller.applyRelease({ plan, actor: 'test', dryRun: false, again: true })
      await until(() => controller.release('digits-1').release.phase.kind === 'promoted')
    })
    expect([...met.statuses]).toEqual([200])
    expect([...met.versions].toSorted()).toEqual(['v1', 'v2'])
    await until(() => deployer.status('digits', 'v1').length === 0)
    expect(deployer.status('digits', 'v2').map(({ state }) => state)).toEqual(['ready', 'ready'])
  },
)
