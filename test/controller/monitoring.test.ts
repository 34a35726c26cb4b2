import { describe, expect, it } from 'vitest'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import type { ReleaseRequest } from '../../src/controller/control-plane.ts'
import type { SignalReport } from '../../src/core/label-delays.ts'
import { limits } from '../../src/core/limits.ts'
import type { LimitEvidence, WatchEvidence } from '../../src/core/monitor/evidence.ts'
import type { MonitorSpec } from '../../src/core/monitor/spec.ts'
import { type ControlRig, controlRig } from '../support/control.ts'
import { versionEvidence } from '../support/evidence.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

const monitor: MonitorSpec = {
  checks: [{ metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 }],
  alpha: 0.01,
  window: 1_000,
  atMostMs: 3_600_000,
  onBreach: 'return',
}

function request(over: Partial<ReleaseRequest> = {}): ReleaseRequest {
  const { planVersion: _version, from: _from, ...plan } = releasePlan()
  return { ...plan, ...over }
}

async function watchedRig(over: Partial<MonitorSpec> = {}, log = createMemoryEventLog()): Promise<ControlRig> {
  const rig = controlRig(log)
  const spec = endpointSpec({ monitor: { ...monitor, ...over } })
  await rig.controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
  return rig
}

/** v2 becomes stable by a release. */
async function promoted(rig: ControlRig, over: Partial<ReleaseRequest> = {}): Promise<ControlRig> {
  await rig.controller.applyRelease({ plan: request(over), actor: 'test', dryRun: false, again: false })
  rig.controller.operate({ release: 'digits-1', verb: 'promote', actor: 'test', note: null })
  return rig
}

const bad = { trials: 100, events: 50 }
const good = { trials: 1_000, events: 5 }

function find(rig: ControlRig, version: string, counts: Partial<LimitEvidence>): void {
  const limit = { metric: 'error-rate', window: { trials: 0, events: 0 }, last: null, stretch: good, ...counts }
  const evidence: WatchEvidence = { version, sinceMs: 0, streams: [], quality: null, limits: [limit] }
  rig.watched.set('digits', evidence)
}

const eventsOf = (rig: ControlRig, type: string) =>
  rig.controller.events({ afterSeq: 0, limit: 1_000 }).filter(({ event }) => event.type === type)

const statusOf = (rig: ControlRig) => rig.controller.state().endpoints['digits']?.monitoring?.status

describe('monitoring without a release', () => {
  it('writes down that a breach began and that it ended, and nothing in between', async () => {
    const rig = await watchedRig({ onBreach: 'alert' })
    find(rig, 'v1', { last: good })
    rig.tick(10)
    expect(eventsOf(rig, 'monitored')).toEqual([])
    find(rig, 'v1', { window: bad })
    rig.tick(10)
    expect(statusOf(rig)).toBe('breached')
    find(rig, 'v1', { last: good })
    rig.tick(10)
    expect(statusOf(rig)).toBe('ok')
    expect(eventsOf(rig, 'monitored').map(({ event }) => event.type === 'monitored' && event.report.status)).toEqual([
      'breached',
      'ok',
    ])
    expect(rig.complaints).toEqual([])
  })

  it('tells webhooks of a version that no release has made stable, too', async () => {
    const rig = await watchedRig({ onBreach: 'alert' })
    find(rig, 'v1', { window: bad })
    rig.tick(3)
    const of = { seq: eventsOf(rig, 'monitored')[0]?.seq, kind: 'monitored', release: null, candidatePpm: null }
    expect(rig.notices.filter(({ entry }) => entry.kind === 'monitored')).toMatchObject([
      { endpoint: 'digits', index: 0, entry: { ...of, text: expect.stringMatching(/^digits\/v1 is breached: /) } },
    ])
  })

  it('tells webhooks that a document has ended an alarm, and nothing of one that left it', async () => {
    const rig = await watchedRig({ onBreach: 'alert' })
    const apply = (over: Parameters<typeof endpointSpec>[0]) =>
      rig.controller.applyEndpoint({ spec: endpointSpec(over), actor: 'test', dryRun: false })
    const told = () => rig.notices.filter(({ entry }) => entry.kind === 'monitored').map(({ entry }) => entry.text)
    const alerting = { ...monitor, onBreach: 'alert' } as const
    find(rig, 'v1', { window: bad })
    rig.tick(3)
    await apply({ monitor: alerting, allowPin: false })
    expect(told()).toHaveLength(1)
    await apply({ monitor: { ...alerting, window: 500 } })
    expect(told().slice(1)).toEqual(['digits/v1 is watched anew: what is asked of it has changed'])
    rig.tick(3)
    await apply({})
    expect(told().slice(3)).toEqual(['digits/v1 is watched no more'])
  })

  it('tells webhooks of a breach in probation as part of its release', async () => {
    const rig = await promoted(await watchedRig({ onBreach: 'alert' }), { probationMs: 3_600_000 })
    find(rig, 'v2', { window: bad })
    rig.tick(3)
    expect(rig.notices.filter(({ entry }) => entry.kind === 'monitored')).toMatchObject([
      { endpoint: 'digits', entry: { release: 'digits-1', candidatePpm: 1_000_000 } },
    ])
  })

  it('shows the newest look with its numbers', async () => {
    const rig = await watchedRig()
    expect(rig.controller.look('digits')).toBeNull()
    find(rig, 'v1', { window: bad })
    expect(rig.controller.look('digits')?.limits).toMatchObject([{ metric: 'error-rate', verdict: 'fail', rate: 0.5 }])
    expect(rig.controller.look('unknown')).toBeNull()
  })

  it('leaves a running release to its own judgement', async () => {
    const rig = await watchedRig()
    await rig.controller.applyRelease({ plan: request(), actor: 'test', dryRun: false, again: false })
    find(rig, 'v1', { window: bad })
    rig.tick(5)
    expect(eventsOf(rig, 'monitored')).toEqual([])
  })

  it('goes back to the version that was stable before, once, and stays there', async () => {
    const rig = await promoted(await watchedRig())
    expect(rig.controller.state().endpoints['digits']?.stable).toBe('v2')
    find(rig, 'v2', { window: bad })
    rig.tick()
    expect(rig.controller.release('digits-2').release).toMatchObject({
      actor: 'monitor',
      phase: { kind: 'promoted' },
      plan: { from: 'v2', to: 'v1' },
    })
    expect(rig.routes.at(-1)?.table.weights).toEqual({ v1: 1_000_000 })
    expect(rig.controller.timeline('digits-2')[0]?.text).toMatch(/at once: error-rate broke its limit: 50\.00 %/)
    find(rig, 'v1', { window: bad })
    rig.tick(10)
    expect(statusOf(rig)).toBe('breached')
    expect(Object.keys(rig.controller.state().releases)).toEqual(['digits-1', 'digits-2'])
  })

  it('takes a release in probation back, where the candidate has everybody and nothing else is compared with it', async () => {
    const rig = await promoted(await watchedRig(), { probationMs: 3_600_000 })
    find(rig, 'v2', { last: good })
    rig.tick(5)
    expect(rig.controller.release('digits-1').release.phase.kind).toBe('probation')
    find(rig, 'v2', { window: bad })
    rig.tick()
    expect(rig.controller.release('digits-1').release.phase).toMatchObject({
      kind: 'rolled-back',
      reason: /rollback by monitor: error-rate broke its limit/,
    })
    expect(rig.routes.at(-1)?.table.weights).toEqual({ v1: 1_000_000 })
  })

  it('only tells of a breach in probation where an alert is wanted', async () => {
    const rig = await promoted(await watchedRig({ onBreach: 'alert' }), { probationMs: 3_600_000 })
    find(rig, 'v2', { window: bad })
    rig.tick(5)
    expect(statusOf(rig)).toBe('breached')
    expect(rig.controller.release('digits-1').release.phase.kind).toBe('probation')
  })

  it('is not started again by the document that released the version, only by a person', async () => {
    const rig = await promoted(await watchedRig())
    find(rig, 'v2', { window: bad })
    rig.tick()
    const apply = (again: boolean) =>
      rig.controller.applyRelease({ plan: request(), actor: 'test', dryRun: true, again })
    expect((await apply(false)).change).toMatchObject({
      action: 'unchanged',
      note: expect.stringMatching(/^release digits-2 went back from v2: error-rate broke its limit/),
    })
    expect((await apply(true)).change.action).toBe('started')
  })

  it('makes good for the way back that a crash left undone', async () => {
    const log = createMemoryEventLog()
    const rig = await promoted(await watchedRig({}, log))
    const report = {
      version: 'v2',
      status: 'breached' as const,
      alarms: [{ kind: 'limit' as const, name: 'error-rate', reason: 'error-rate broke its limit' }],
    }
    log.append([{ atMs: 1_000_000, event: { type: 'monitored', endpoint: 'digits', report } }])
    rig.controller.stop()
    const again = controlRig(log)
    find(again, 'v2', { window: bad })
    again.tick()
    expect(again.controller.state().endpoints['digits']?.stable).toBe('v1')
  })

  it('goes on with the other endpoints when one cannot be looked at', async () => {
    const rig = await watchedRig({ onBreach: 'alert' })
    const broken = endpointSpec({ name: 'broken', monitor })
    await rig.controller.applyEndpoint({ spec: broken, actor: 'test', dryRun: false })
    const get = rig.watched.get.bind(rig.watched)
    rig.watched.get = name => {
      if (name === 'broken') throw new Error('no such evidence')
      return get(name)
    }
    find(rig, 'v1', { window: bad })
    rig.tick()
    expect(statusOf(rig)).toBe('breached')
    expect(rig.complaints).toEqual(['looking at endpoint broken: Error: no such evidence'])
  })
})

it('needs no evidence of a watched version to release the next one', async () => {
  const rig = await watchedRig()
  await rig.controller.applyRelease({ plan: request(), actor: 'test', dryRun: false, again: false })
  const evidence = { v1: versionEvidence({ requests: 5_000 }), v2: versionEvidence({ requests: 500 }) }
  for (let tick = 0; tick < 20; tick += 1) {
    rig.evidence.set(rig.controller.state().endpoints['digits']?.table.epoch ?? 0, evidence)
    rig.tick()
  }
  expect(rig.controller.release('digits-1').release.phase.kind).toBe('promoted')
})

describe('the label window that an endpoint has learned', () => {
  const started = async (maturity: SignalReport['maturity']) => {
    const rig = await watchedRig()
    const label = { name: 'label', metrics: [], atMs: 0, delay: null, maturity, versions: [] }
    rig.delays.set('digits', [label])
    const apply = () => rig.controller.applyRelease({ plan: request(), actor: 'test', dryRun: false, again: false })
    await apply()
    return { plan: rig.controller.release('digits-1').release.plan, again: (await apply()).change }
  }

  it('is written down with the release, and the document still asks for the same', async () => {
    const known = await started({ known: true, ageMs: 5_000, source: 'learned', arrivedShare: 0.9 })
    expect(known.plan.labelWindowMs).toBe(5_000)
    expect(known.again).toMatchObject({ action: 'unchanged', note: expect.stringContaining('is under way') })
  })

  it('is of seconds at least, so that a pause of the server is no difference of versions', async () => {
    const quick = await started({ known: true, ageMs: 15.85, source: 'learned', arrivedShare: 1 })
    expect(quick.plan.labelWindowMs).toBe(limits.learnedWindowLeastMs)
  })

  it('is not there before there are enough labels, nor where the endpoint declares one', async () => {
    expect((await started({ known: false, reason: 'too few' })).plan).not.toHaveProperty('labelWindowMs')
    const declared = { known: true, ageMs: 5_000, source: 'declared', arrivedShare: null } as const
    expect((await started(declared)).plan).not.toHaveProperty('labelWindowMs')
  })
})

describe('features of tensors', () => {
  const image = { name: 'image', datatype: 'FP32', shape: [-1, 64] }
  const model = { platform: 'onnx', inputs: [image], outputs: [{ name: 'label', datatype: 'INT64', shape: [-1] }] }
  const feature = (tensor: string, index: number | null) =>
    ({ x: { source: { from: 'input', tensor, index }, type: 'number' } }) as const
  const apply = (tensor: string, index: number | null) => {
    const rig = controlRig()
    for (const version of ['v1', 'v2', 'v3']) rig.interfaces.set(version, model)
    const spec = endpointSpec({ features: feature(tensor, index) })
    return rig.controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
  }

  it('are of inputs that the model has, and of elements that a row has', async () => {
    await expect(apply('picture', 0)).rejects.toThrow(/features\.x\.input: version v1 has no such input/)
    await expect(apply('image', 64)).rejects.toThrow(
      /features\.x\.index: a row of image FP32 \[-1, 64\] .* 64 elements/,
    )
    await expect(apply('image', 63)).resolves.toMatchObject({ action: 'created' })
    await expect(apply('image', null)).resolves.toMatchObject({ action: 'created' })
  })

  it('are checked when they are declared later', async () => {
    const rig = controlRig()
    for (const version of ['v1', 'v2', 'v3']) rig.interfaces.set(version, model)
    await rig.controller.applyEndpoint({ spec: endpointSpec(), actor: 'test', dryRun: false })
    const spec = endpointSpec({ features: feature('picture', 0) })
    await expect(rig.controller.applyEndpoint({ spec, actor: 'test', dryRun: false })).rejects.toThrow(/no such input/)
  })
})
