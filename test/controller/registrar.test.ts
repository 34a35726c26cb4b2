import { describe, expect, it } from 'vitest'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createMemoryRegistry, type MemoryRegistry } from '../../src/adapters/registries/memory.ts'
import { createRegistrar, type Registrar } from '../../src/controller/registrar.ts'
import { limits } from '../../src/core/limits.ts'
import type { Registry } from '../../src/core/registry/registry.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import type { Registries } from '../../src/ports/registries.ts'
import { type ControlRig, controlRig } from '../support/control.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

const { planVersion: _planVersion, endpoint: _endpoint, from: _from, to: _to, ...plan } = releasePlan()

const registry: Registry = {
  source: {
    from: 'mlflow',
    url: 'http://mlflow',
    model: 'fraud',
    alias: 'challenger',
    champion: 'champion',
    token: null,
  },
  everyMs: 30_000,
  name: 'm{version}',
  template: { backend: { kind: 'onnx', path: '{path}/model.onnx' }, instances: 1 },
  plan,
}

type Rig = ControlRig & {
  memory: MemoryRegistry
  registrar: Registrar
  troubles: (string | null)[]
  /** Time for looks that are due, and for what they ask. */
  look(ms?: number): Promise<void>
  offer(version: string): void
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

function watching(
  log: EventLog = createMemoryEventLog(),
  memory = createMemoryRegistry(),
  open: Registries['open'] = () => memory,
): Rig {
  const rig = controlRig(log)
  const troubles: (string | null)[] = []
  const registrar = createRegistrar({
    control: rig.controller,
    registries: { open },
    uptime: rig.clock,
    onTrouble: (_, problem) => troubles.push(problem),
  })
  const look = async (ms = registry.everyMs): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      rig.clock.advance(1_000)
      await settled()
    }
  }
  const offer = (version: string) => memory.offer({ version, model: 'fraud', uri: null, tags: {} })
  return { ...rig, memory, registrar, troubles, look, offer }
}

const spec = (over: Partial<Registry> = {}) => endpointSpec({ registry: { ...registry, ...over } })

async function declared(rig = watching(), over: Partial<Registry> = {}): Promise<Rig> {
  await rig.controller.applyEndpoint({ spec: spec(over), actor: 'ada', dryRun: false })
  return rig
}

const releases = (rig: ControlRig) =>
  Object.values(rig.controller.state().releases).map(({ id, plan: { to }, phase, actor }) => [
    id,
    to,
    phase.kind,
    actor,
  ])
const operate = (rig: ControlRig, release: string, verb: 'promote' | 'abort') =>
  rig.controller.operate({ release, verb, actor: 'ada', note: null })
const versions = (rig: ControlRig) => Object.keys(rig.controller.state().endpoints['digits']?.spec.versions ?? {})
const actor = 'registry mlflow:fraud'

describe('a version that a registry offers', () => {
  it('becomes a version of the endpoint and is released by its plan, in the name of the registry', async () => {
    const rig = await declared()
    rig.offer('7')
    await rig.look(1_000)
    expect(releases(rig)).toEqual([['digits-1', 'm7', 'running', actor]])
    expect(rig.controller.state().endpoints['digits']?.spec.versions['m7']).toEqual({
      name: 'm7',
      backend: { kind: 'onnx', path: '/models/7/model.onnx' },
      instances: 1,
      origin: { registry: 'mlflow:fraud', version: '7' },
    })
  })

  it.each(['promote', 'abort'] as const)('is released once, whatever became of it: %s', async verb => {
    const log = createMemoryEventLog()
    const rig = await declared(watching(log))
    rig.offer('7')
    await rig.look(1_000)
    operate(rig, 'digits-1', verb)
    await rig.look(10 * registry.everyMs)
    expect(releases(rig)).toHaveLength(1)
    await rig.registrar.close()
    rig.controller.stop()
    const again = watching(log, rig.memory)
    await again.look(10 * registry.everyMs)
    expect(releases(again)).toHaveLength(1)
    expect(again.troubles).toEqual([])
  })

  it('that went back is not released again when its alias comes back, the one between them is', async () => {
    const rig = await declared()
    for (const version of ['7', '8', '7']) {
      rig.offer(version)
      await rig.look()
      const active = rig.controller.state().endpoints['digits']?.activeRelease
      if (active != null) operate(rig, active, 'abort')
    }
    await rig.look()
    expect(releases(rig).map(([, to]) => to)).toEqual(['m7', 'm8'])
  })

  it('waits for the release that runs, is told of once, and comes when that has ended', async () => {
    const rig = await declared()
    rig.offer('7')
    await rig.look(1_000)
    rig.offer('8')
    await rig.look(20 * registry.everyMs)
    expect(rig.troubles).toEqual([expect.stringContaining('has release digits-1 under way')])
    expect(rig.registrar.status()).toMatchObject([{ failures: 0, problem: expect.stringContaining('under way') }])
    operate(rig, 'digits-1', 'abort')
    await rig.look()
    expect(releases(rig).map(([, to, phase]) => [to, phase])).toEqual([
      ['m7', 'rolled-back'],
      ['m8', 'running'],
    ])
    expect(rig.troubles.at(-1)).toBeNull()
  })

  it('takes the place of the one that runs where the plan says so', async () => {
    const rig = await declared(watching(), { plan: { ...plan, onConflict: 'replace' } })
    rig.offer('7')
    await rig.look(1_000)
    rig.offer('8')
    await rig.look()
    expect(releases(rig).map(([, to, phase]) => [to, phase])).toEqual([
      ['m7', 'rolled-back'],
      ['m8', 'running'],
    ])
  })

  it('under the name of another one is refused and told of', async () => {
    const rig = await declared(watching(), { name: 'v{version}' })
    rig.offer('2')
    await rig.look(1_000)
    expect(rig.troubles).toEqual([expect.stringMatching(/version v2 is there already and comes from the document/)])
    expect(releases(rig)).toEqual([])
  })

  it('survives that its endpoint’s document is applied again', async () => {
    const rig = await declared()
    rig.offer('7')
    await rig.look(1_000)
    operate(rig, 'digits-1', 'abort')
    const change = await rig.controller.applyEndpoint({ spec: spec(), actor: 'ada', dryRun: false })
    expect([change.action, versions(rig)]).toEqual(['unchanged', ['v1', 'v2', 'v3', 'm7']])
  })

  it('loses nothing that a document changes while it is being made', async () => {
    const rig = await declared()
    rig.offer('7')
    rig.clock.advance(1_000)
    await rig.controller.applyEndpoint({ spec: { ...spec(), bodyBytesMax: 77 }, actor: 'ada', dryRun: false })
    await settled()
    await rig.look()
    expect(rig.controller.state().endpoints['digits']?.spec.bodyBytesMax).toBe(77)
    expect(versions(rig)).toContain('m7')
    expect(releases(rig)).toHaveLength(1)
  })
})

describe('a registry', () => {
  it('that fails is told of once, asked more and more rarely, and told of when it is well again', async () => {
    const rig = await declared()
    rig.memory.fail('nobody there')
    await rig.look(1_000)
    const looks = rig.memory.looks
    await rig.look(3_600_000)
    expect(rig.troubles).toEqual(['nobody there'])
    expect(rig.memory.looks - looks).toBeLessThan(3_600_000 / registry.everyMs / 5)
    expect(rig.memory.looks - looks).toBeGreaterThanOrEqual(5)
    rig.memory.fail(null)
    rig.offer('7')
    await rig.look(limits.registryPauseMaxMs)
    expect(rig.troubles).toEqual(['nobody there', null])
    expect(releases(rig)).toHaveLength(1)
    expect(rig.complaints).toEqual([])
  })

  it('is told who serves and how releases ended, each once', async () => {
    const rig = await declared()
    rig.offer('7')
    await rig.look(1_000)
    operate(rig, 'digits-1', 'promote')
    await rig.look()
    rig.offer('8')
    await rig.look()
    operate(rig, 'digits-2', 'abort')
    await rig.look(10 * registry.everyMs)
    expect(rig.memory.told).toEqual([
      { kind: 'verdict', release: 'digits-1', version: '7', verdict: 'promoted', reason: '' },
      { kind: 'champion', registry: 'mlflow:fraud', version: '7', was: null },
      { kind: 'verdict', release: 'digits-2', version: '8', verdict: 'rolled-back', reason: expect.any(String) },
    ])
  })

  it('that was away when it was to be told is told by the next server', async () => {
    const log = createMemoryEventLog()
    const rig = await declared(watching(log))
    rig.offer('7')
    await rig.look(1_000)
    rig.memory.fail('away')
    operate(rig, 'digits-1', 'promote')
    await rig.look()
    expect(rig.memory.told).toEqual([])
    await rig.registrar.close()
    rig.controller.stop()
    rig.memory.fail(null)
    const again = watching(log, rig.memory)
    await again.look()
    expect(again.memory.told.map(({ kind, version }) => [kind, version])).toEqual([
      ['verdict', '7'],
      ['champion', '7'],
    ])
  })

  it('that takes no news still has its versions released', async () => {
    const memory = createMemoryRegistry()
    const rig = await declared(
      watching(createMemoryEventLog(), { ...memory, tell: () => Promise.reject(new Error('no')) }),
    )
    memory.offer({ version: '7', model: null, uri: null, tags: {} })
    await rig.look(1_000)
    operate(rig, 'digits-1', 'abort')
    memory.offer({ version: '8', model: null, uri: null, tags: {} })
    await rig.look()
    expect(releases(rig).map(([, to]) => to)).toEqual(['m7', 'm8'])
    expect(rig.troubles).toEqual(['no'])
  })

  it('that does not answer keeps no server from ending, and is no trouble then', async () => {
    const memory = createMemoryRegistry()
    const rig = await declared(
      watching(createMemoryEventLog(), memory, (_, until) => ({
        ...memory,
        newest: () => new Promise((_resolve, reject) => until?.addEventListener('abort', () => reject(until.reason))),
      })),
    )
    await rig.look(1_000)
    await rig.registrar.close()
    expect(rig.troubles).toEqual([])
  })

  it('that a document takes away is asked no more', async () => {
    const rig = await declared()
    await rig.look(1_000)
    await rig.controller.applyEndpoint({ spec: endpointSpec(), actor: 'ada', dryRun: false })
    const looks = rig.memory.looks
    rig.offer('7')
    await rig.look()
    expect([rig.memory.looks, releases(rig), rig.registrar.status()]).toEqual([looks, [], []])
  })
})
