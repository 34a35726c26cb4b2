import { describe, expect, it } from 'vitest'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import type { ReleaseRequest } from '../../src/controller/control-plane.ts'
import { limits } from '../../src/core/limits.ts'
import type { Measure, Scale } from '../../src/core/metric-check.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { ReplayPlan } from '../../src/core/stage-plans.ts'
import type { Trial, TrialReport } from '../../src/core/trial.ts'
import type { Trials } from '../../src/ports/trials.ts'
import { type ControlRig, controlRig } from '../support/control.ts'
import { versionEvidence } from '../support/evidence.ts'
import { blueGreenPlan, canaryPlan, endpointSpec, releasePlan, trialReport } from '../support/releases.ts'

const good = { v1: versionEvidence({ requests: 5_000, errors: 20 }), v2: versionEvidence({ requests: 500, errors: 2 }) }
const bad = { v1: versionEvidence({ requests: 5_000, errors: 20 }), v2: versionEvidence({ requests: 200, errors: 80 }) }

function request(over: Partial<ReleaseRequest> = {}): ReleaseRequest {
  const { planVersion: _version, from: _from, ...plan } = releasePlan()
  return { ...plan, ...over }
}

async function withEndpoint(rig: ControlRig = controlRig()): Promise<ControlRig> {
  await rig.controller.applyEndpoint({ spec: endpointSpec(), actor: 'test', dryRun: false })
  return rig
}

async function withRelease(over: Partial<ReleaseRequest> = {}, rig?: ControlRig): Promise<ControlRig> {
  const ready = await withEndpoint(rig)
  await ready.controller.applyRelease({ plan: request(over), actor: 'test', dryRun: false, again: true })
  return ready
}

function phaseOf(rig: ControlRig): string {
  return rig.controller.release('digits-1').release.phase.kind
}

function epochOf(rig: ControlRig): number {
  return rig.controller.state().endpoints['digits']?.table.epoch ?? 0
}

/** Gives every epoch of the release the same evidence and looks until it ends or `ticks` looks are over. */
function live(rig: ControlRig, versions: typeof good, ticks = 20): void {
  for (let tick = 0; tick < ticks; tick++) {
    rig.evidence.set(epochOf(rig), versions)
    rig.tick()
  }
}

describe('the controller', () => {
  it('judges nothing, and lets no time pass, by evidence of which a part is there; operators are heard', async () => {
    const rig = await withRelease()
    rig.whole.isWhole = false
    const seen = rig.controller.events({ afterSeq: 0, limit: 1_000 }).length
    live(rig, good)
    expect(rig.controller.events({ afterSeq: 0, limit: 1_000 })).toHaveLength(seen)
    rig.controller.operate({ release: 'digits-1', verb: 'pause', actor: 'test', note: null })
    rig.controller.operate({ release: 'digits-1', verb: 'resume', actor: 'test', note: null })
    expect(rig.controller.events({ afterSeq: 0, limit: 1_000 }).length).toBe(seen + 2)
    rig.whole.isWhole = true
    live(rig, good)
    expect(phaseOf(rig)).toBe('promoted')
  })

  it('promotes a good candidate step by step', async () => {
    const rig = await withRelease()
    live(rig, good)
    expect(phaseOf(rig)).toBe('promoted')
    expect(rig.routes.map(route => route.table.weights['v2'] ?? 0)).toEqual([0, 10_000, 100_000, 500_000, 1_000_000])
    expect([...rig.running]).toEqual(['v2'])
    expect(rig.complaints).toEqual([])
  })

  it('takes a bad candidate back, and its story says why with the numbers', async () => {
    const rig = await withRelease()
    live(rig, bad)
    expect(phaseOf(rig)).toBe('rolled-back')
    expect(rig.routes.at(-1)?.table.weights).toEqual({ v1: 1_000_000 })
    const story = rig.controller.timeline('digits-1')
    expect(story.map(entry => entry.kind)).toEqual(['started', 'ready', 'weight', 'rolling-back', 'rolled-back'])
    expect(story[3]?.text).toMatch(/error-rate 40\.00 % against 0\.40 %/)
    expect(story[3]?.exposure).toMatchObject({ requests: 200 })
    expect(story[3]?.judgement?.checks[0]?.strata).toEqual([
      { epoch: 2, candidate: { trials: 200, events: 80 }, stable: { trials: 5_000, events: 20 } },
    ])
  })

  it('lets go of the evidence of an endpoint that is deleted, and of no other', async () => {
    const rig = await withEndpoint()
    await rig.controller.applyEndpoint({ spec: endpointSpec({ name: 'letters' }), actor: 'test', dryRun: false })
    rig.controller.deleteEndpoint({ endpoint: 'digits', actor: 'test' })
    expect(rig.forgotten).toEqual([{ endpoint: 'digits', beforeEpoch: 2 }])
  })

  it('waits without traffic and writes nothing down meanwhile', async () => {
    const rig = await withRelease()
    const before = rig.controller.events({ afterSeq: 0, limit: 1_000 }).length
    rig.tick(1_000)
    expect(phaseOf(rig)).toBe('running')
    expect(rig.controller.events({ afterSeq: 0, limit: 1_000 })).toHaveLength(before)
    expect(rig.controller.release('digits-1').latest?.judgement.verdict).toBe('insufficient')
  })

  it('comes back after a restart in the same step with the same weights', async () => {
    const log = createMemoryEventLog()
    const rig = await withRelease({}, controlRig(log))
    live(rig, good, 1)
    const before = rig.controller.release('digits-1').release
    rig.controller.stop()
    const again = controlRig(log)
    expect(again.controller.release('digits-1').release).toEqual(before)
    expect(again.routes.at(-1)?.table).toEqual(rig.routes.at(-1)?.table)
    expect([...again.running].toSorted()).toEqual(['v1', 'v2'])
    live(again, good)
    expect(phaseOf(again)).toBe('promoted')
  })

  it('goes back when the candidate never becomes ready', async () => {
    const rig = controlRig()
    rig.broken.add('v2')
    await withRelease({}, rig)
    expect(phaseOf(rig)).toBe('rolled-back')
    expect(rig.controller.timeline('digits-1').at(-1)?.text).toMatch(/did not become ready: exited with code 1/)
  })

  it('goes on serving when its log cannot be written, and decides when it can again by what it was told meanwhile', async () => {
    const log = createMemoryEventLog()
    let isFull = false
    const append: typeof log.append = entries => {
      if (isFull) throw new Error('the disk is full')
      return log.append(entries)
    }
    const rig = await withRelease({}, controlRig({ ...log, append }))
    const before = rig.controller.state()
    isFull = true
    live(rig, good)
    rig.controller.report({ state: 'failed', endpoint: 'digits', version: 'v2', reason: 'exited with code 1' })
    expect(rig.controller.state()).toBe(before)
    expect(rig.complaints.at(-1)).toMatch(/the disk is full/)
    isFull = false
    live(rig, good)
    expect(phaseOf(rig)).toBe('rolled-back')
    expect(rig.controller.timeline('digits-1').at(-2)?.text).toMatch(/exited with code 1/)
  })

  it('asks again for an answer that its log could not take', async () => {
    const log = createMemoryEventLog()
    let lost = ''
    const append: typeof log.append = entries => {
      if (entries.some(({ event }) => event.type === lost)) throw new Error('the disk is full')
      return log.append(entries)
    }
    const rig = await withRelease({}, controlRig({ ...log, append }))
    live(rig, good, 2)
    lost = 'traffic-applied'
    live(rig, good)
    expect(phaseOf(rig)).toBe('promoting')
    lost = ''
    rig.tick(40)
    expect(phaseOf(rig)).toBe('promoted')
  })

  it('asks again for the version that a release goes back to out of its probation, until that is up', async () => {
    const rig = await withRelease({ probationMs: 3_600_000 })
    const word = (verb: 'promote' | 'rollback') =>
      rig.controller.operate({ release: 'digits-1', verb, actor: 'ada', note: null })
    word('promote')
    rig.broken.add('v1')
    rig.controller.report({ state: 'failed', endpoint: 'digits', version: 'v1', reason: 'out of memory' })
    word('rollback')
    expect(phaseOf(rig)).toBe('returning')
    rig.broken.delete('v1')
    rig.tick(40)
    expect(phaseOf(rig)).toBe('rolled-back')
  })

  it('asks again for a control that could not be kept running: a canary does not go on without it', async () => {
    const rig = await withRelease({
      stages: [canaryPlan({ control: 'equal', steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }] })],
    })
    const control = () => rig.controller.state().endpoints['digits']?.fleets['v1~control']
    rig.controller.report({ state: 'failed', endpoint: 'digits', version: 'v1~control', reason: 'out of memory' })
    expect(control()).toBe('failed')
    rig.tick(40)
    expect(control()).toBe('ready')
  })

  it('obeys the operator', async () => {
    const rig = await withRelease({ stages: [canaryPlan({ approval: true })] })
    const word = (verb: 'pause' | 'resume' | 'approve' | 'promote') =>
      rig.controller.operate({ release: 'digits-1', verb, actor: 'ada', note: null })
    word('pause')
    live(rig, good)
    expect(rig.controller.release('digits-1').release.epochs).toHaveLength(1)
    word('resume')
    live(rig, good)
    expect(rig.controller.release('digits-1').release.phase).toMatchObject({ hold: { cause: 'approval' } })
    word('approve')
    expect(phaseOf(rig)).toBe('promoted')
    expect(() => word('promote')).toThrow(/digits-1 is promoted/)
  })
})

describe('the controller of a blue-green release', () => {
  const trialsThat = (answer: (trial: Trial) => Promise<TrialReport>) => {
    const asked: Trial[] = []
    const run: Trials['run'] = ({ trial }) => {
      asked.push(trial)
      return answer(trial)
    }
    return { asked, trials: { run } }
  }
  const settled = () => new Promise(resolve => setImmediate(resolve))
  const stages = [blueGreenPlan({ replay: null, watchMs: 2_000, keepMs: 0 })]

  it('has the trial run, switches, watches and promotes; its story tells the trial with its numbers', async () => {
    const { asked, trials } = trialsThat(async trial => trialReport(trial.id))
    const rig = await withRelease({ stages }, controlRig(createMemoryEventLog(), trials))
    await settled()
    expect(asked.map(({ id }) => id)).toEqual(['digits-1/smoke/1'])
    live(rig, good)
    expect(phaseOf(rig)).toBe('promoted')
    expect(rig.routes.map(route => route.table.weights['v2'] ?? 0)).toEqual([0, 0, 1_000_000, 1_000_000])
    const told = rig.controller.timeline('digits-1').find(entry => entry.trial !== undefined)
    expect(told).toMatchObject({ kind: 'stage', trial: { id: 'digits-1/smoke/1', agreed: 1 } })
    expect(rig.complaints).toEqual([])
  })

  it('goes back when its trial fails, and no user has met it', async () => {
    const { trials } = trialsThat(async trial => trialReport(trial.id, { agreed: 0, reason: '0 of 1' }))
    const rig = await withRelease({ stages }, controlRig(createMemoryEventLog(), trials))
    await settled()
    expect(rig.controller.release('digits-1').release).toMatchObject({
      phase: { kind: 'rolled-back', cause: 'stage-failed', reason: 'smoke: 0 of 1' },
      exposedFromMs: null,
    })
  })

  it('that stops takes a trial that is broken off for no answer, and the next one asks again', async () => {
    const log = createMemoryEventLog()
    const report = Promise.withResolvers<TrialReport>()
    const first = trialsThat(() => report.promise)
    const rig = await withRelease({ stages }, controlRig(log, first.trials))
    rig.controller.stop()
    report.resolve(trialReport('digits-1/smoke/1', { agreed: 0, reason: 'broken off' }))
    await settled()
    const second = trialsThat(async trial => trialReport(trial.id))
    const again = controlRig(log, second.trials)
    await settled()
    expect(second.asked.map(({ id }) => id)).toEqual(['digits-1/smoke/1'])
    live(again, good)
    expect(phaseOf(again)).toBe('promoted')
  })
})

describe('the door', () => {
  it.each([
    [{ replay: { requests: 50 } }, {}, /50 answers do not show an agreement of 95 % at alpha 0.05; it takes \d+/],
    [{ replay: {} }, { payloadSamplePpm: 0 }, /keeps no bodies \(payload-sample is 0%\)/],
  ])('refuses a replay that could never be passed: %j', async (stage, spec, says) => {
    const rig = controlRig()
    const endpoint = endpointSpec({ payloadSamplePpm: 10_000, ...spec })
    await rig.controller.applyEndpoint({ spec: endpoint, actor: 'test', dryRun: false })
    const replay = { ...blueGreenPlan().replay, requests: 500, agreement: 0.95, ...stage.replay } as ReplayPlan
    const plan = request({ stages: [blueGreenPlan({ replay })] })
    await expect(
      rig.controller.applyRelease({ plan, actor: 'test', dryRun: false, again: false }),
    ).rejects.toMatchObject({ code: 'preflight-refused', message: expect.stringMatching(says) })
  })

  it('refuses a second release while one is under way', async () => {
    const rig = await withRelease()
    await expect(
      rig.controller.applyRelease({ plan: request({ to: 'v3' }), actor: 'test', dryRun: false, again: true }),
    ).rejects.toMatchObject({ code: 'release-conflict' })
  })

  it('lets a second release wait or take the place where it says so, up to a limit', async () => {
    const rig = await withRelease()
    const apply = (over: Partial<ReleaseRequest>) =>
      rig.controller.applyRelease({ plan: request(over), actor: 'test', dryRun: false, again: true })
    const queued = await apply({ to: 'v3', onConflict: 'queue' })
    expect(queued).toMatchObject({
      release: 'digits-2',
      change: { action: 'queued', note: 'waits for the end of digits-1' },
    })
    expect((await apply({ to: 'v3', onConflict: 'queue' })).change).toMatchObject({ action: 'unchanged' })
    const { v1, v2 } = endpointSpec().versions
    if (v1 === undefined || v2 === undefined) throw new Error('no versions')
    await expect(
      rig.controller.applyEndpoint({ spec: endpointSpec({ versions: { v1, v2 } }), actor: 'test', dryRun: false }),
    ).rejects.toThrow(/digits-2 waits for its turn with it/)
    const waiting = limits.queuedReleasesMax - 1
    for (let one = 0; one < waiting; one++) await apply({ to: 'v3', onConflict: 'queue', minimumAgeMs: one })
    await expect(apply({ to: 'v3', onConflict: 'queue', minimumAgeMs: 99 })).rejects.toThrow(/at most 20/)
    live(rig, good)
    expect(phaseOf(rig)).toBe('promoted')
    expect(rig.controller.release('digits-2').release).toMatchObject({ plan: { from: 'v2', to: 'v3' } })
  })

  it('tries again what was rolled back as a release of its own: its evidence is new and its users are drawn anew', async () => {
    const rig = await withRelease()
    live(rig, bad)
    const salt = () => rig.controller.state().endpoints['digits']?.table.salt
    const before = salt()
    await rig.controller.applyRelease({ plan: request(), actor: 'test', dryRun: false, again: true })
    expect(salt()).not.toBe(before)
    const [first, second] = ['digits-1', 'digits-2'].map(id => rig.controller.release(id).release)
    expect(second?.plan).toEqual(first?.plan)
    expect(second?.epochs.map(({ epoch }) => epoch)).toEqual([epochOf(rig)])
    expect(second?.exposedToMs).toBeNull()
  })

  it('promotes by one step on an operator’s word', async () => {
    const rig = await withRelease()
    rig.controller.operate({ release: 'digits-1', verb: 'promote', actor: 'ada', note: null, step: true })
    expect(rig.controller.release('digits-1').release.phase).toMatchObject({ kind: 'running', stage: { stepIndex: 1 } })
  })

  it('starts nothing for a document that is under way, stable already, or was rolled back', async () => {
    const rig = await withRelease()
    const apply = (plan: ReleaseRequest, again = false) =>
      rig.controller.applyRelease({ plan, actor: 'test', dryRun: false, again })
    expect((await apply(request())).change.note).toMatch(/under way/)
    live(rig, bad)
    expect((await apply(request())).change).toMatchObject({ action: 'unchanged' })
    expect((await apply(request({ to: 'v1' }))).change.note).toMatch(/stable already/)
    expect((await apply(request(), true)).release).toBe('digits-2')
  })

  it('names no release that there is none of', async () => {
    const rig = await withRelease()
    live(rig, good)
    for (const plan of [request(), request({ stages: [] })])
      expect(await rig.controller.applyRelease({ plan, actor: 'test', dryRun: false, again: false })).toMatchObject({
        change: { resource: 'Release/digits', note: 'v2 is stable already' },
        release: null,
      })
  })

  const guarded = (metric: string, measure: Measure, margin: number): Partial<ReleaseRequest> => ({
    guardrails: [{ metric, measure, margin, alpha: 0.01, minEvents: 1 }],
  })
  const ofMetric = (spec: MetricSpec, scale: Scale): Measure => ({ kind: 'metric', spec, scale })
  const refused: [string, Partial<ReleaseRequest>, string, RegExp][] = [
    [
      'an error rate that may be worse by all',
      guarded('error-rate', { kind: 'error-rate' }, 1),
      'invalid-resource',
      /guardrails.error-rate.margin: no candidate could break it/,
    ],
    [
      'points written as a number',
      guarded('score', ofMetric({ type: 'auc', positive: 1, classes: null }, 'absolute'), 2),
      'invalid-resource',
      /guardrails.score.margin: no candidate could break it/,
    ],
    [
      'a fall by all of the value',
      guarded('revenue', ofMetric({ type: 'mean', of: { from: 'reward' } }, 'relative'), 1),
      'invalid-resource',
      /guardrails.revenue.margin: no candidate could be judged by it/,
    ],
    [
      'a latency that may be a thousand times as great',
      guarded('latency-p99', { kind: 'latency', quantile: 0.99 }, 1_500),
      'invalid-resource',
      /guardrails.latency-p99.margin: .*a thousand times/,
    ],
    [
      'a goal that any candidate meets',
      {
        ...guarded('error-rate', { kind: 'error-rate' }, 0.01),
        goals: [
          {
            metric: 'error-rate',
            measure: { kind: 'error-rate' },
            margin: 1,
            alpha: 0.05,
            minEvents: 1,
            goal: { kind: 'no-worse' },
          },
        ],
      },
      'invalid-resource',
      /goals.error-rate.no-worse-than: no candidate could break it/,
    ],
    ['an unknown endpoint', { endpoint: 'nobody' }, 'endpoint-not-found', /no endpoint nobody/],
    [
      'a group with an unknown endpoint',
      { group: { name: 'spring', endpoints: ['digits', 'nobody'] } },
      'invalid-resource',
      /group.endpoints: there is no such endpoint/,
    ],
    ['an unknown version', { to: 'v9' }, 'invalid-resource', /no such version/],
    [
      'a metric that is not declared',
      { guardrails: [{ metric: 'beauty', measure: { kind: 'accuracy' }, margin: 0.1, alpha: 0.01, minEvents: 1 }] },
      'invalid-resource',
      /no such metric/,
    ],
  ]
  it.each(refused)('refuses %s and changes nothing', async (_what, over, code, says) => {
    const rig = await withEndpoint()
    const before = rig.controller.state()
    await expect(
      rig.controller.applyRelease({ plan: request(over), actor: 'test', dryRun: false, again: false }),
    ).rejects.toMatchObject({ code, message: expect.stringMatching(says) })
    expect(rig.controller.state()).toBe(before)
  })

  it('keeps versions as they are, and stable where the releases brought it', async () => {
    const rig = await withEndpoint()
    const apply = (spec: ReturnType<typeof endpointSpec>) =>
      rig.controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
    expect(await apply(endpointSpec())).toMatchObject({ action: 'unchanged' })
    const { v1, v2 } = endpointSpec().versions
    if (v1 === undefined || v2 === undefined) throw new Error('no versions')
    await expect(apply(endpointSpec({ versions: { v1: { ...v1, instances: 9 }, v2 } }))).rejects.toMatchObject({
      code: 'version-immutable',
    })
    await expect(apply(endpointSpec({ stable: 'v2' }))).rejects.toThrow(/cutover release digits --to v2/)
    await expect(apply(endpointSpec({ stable: 'v2', versions: { v2 } }))).rejects.toThrow(
      /running and cannot be removed/,
    )
    await expect(
      apply(endpointSpec({ versions: { v1, v2, corrupt: { ...v2, name: 'corrupt' } } })),
    ).rejects.toMatchObject({ code: 'model-invalid' })
    expect(await apply(endpointSpec({ allowPin: false }))).toMatchObject({
      action: 'updated',
      differences: [{ path: 'allowPin', before: true, after: false }],
    })
  })

  const tensor = (name: string, shape: readonly number[], datatype = 'FP32') => ({ name, datatype, shape })
  const model = (inputs: ReturnType<typeof tensor>[], outputs = [tensor('label', [-1], 'INT64')]) => ({
    platform: 'onnx',
    inputs,
    outputs,
  })
  const image = tensor('image', [-1, 64])
  const misfits: [string, ReturnType<typeof model>, RegExp][] = [
    [
      'another shape',
      model([tensor('image', [-1, 32])]),
      /takes image FP32 \[-1, 32\]; callers of v1 send image FP32 \[-1, 64\]/,
    ],
    ['a fixed batch', model([tensor('image', [1, 64])]), /takes image FP32 \[1, 64\]/],
    ['another datatype', model([tensor('image', [-1, 64], 'FP64')]), /takes image FP64/],
    ['one input more', model([image, tensor('mask', [-1])]), /takes an input mask .* that callers of v1 do not send/],
    ['no such output', model([image], [tensor('scores', [-1, 10])]), /version v2 has no such output/],
  ]
  it.each(misfits)('refuses a version whose model has %s', async (_what, candidate, says) => {
    const rig = controlRig()
    rig.interfaces.set('v1', model([image])).set('v2', candidate)
    await expect(rig.controller.applyEndpoint({ spec: endpointSpec(), actor: 'test', dryRun: false })).rejects.toThrow(
      says,
    )
    expect(rig.controller.state().endpoints).toEqual({})
  })

  it('refuses a plan that cannot work, with the numbers, before anything starts', async () => {
    const rig = controlRig()
    await rig.controller.applyEndpoint({
      spec: endpointSpec({ capacity: { instances: 1 } }),
      actor: 'test',
      dryRun: false,
    })
    const asked = rig.controller.applyRelease({ plan: request(), actor: 'test', dryRun: false, again: false })
    await expect(asked).rejects.toMatchObject({
      code: 'preflight-refused',
      message: expect.stringMatching(/needs 2 instances at once \(v1 1, v2 1\).* capacity of 1/),
    })
    expect(rig.controller.state().releases).toEqual({})
  })

  it('tells on a dry run what the release will take', async () => {
    const rig = await withEndpoint()
    const { change } = await rig.controller.applyRelease({ plan: request(), actor: 'test', dryRun: true, again: false })
    expect(change.forecast).toMatchObject({ stages: [{ kind: 'canary', peakInstances: 2, gates: [{}, {}, {}] }] })
    expect(change.forecast?.warnings[0]).toMatch(/cannot be told/)
  })

  it('changes nothing on a dry run', async () => {
    const rig = await withEndpoint()
    const before = rig.controller.state()
    const { change, release } = await rig.controller.applyRelease({
      plan: request(),
      actor: 'test',
      dryRun: true,
      again: false,
    })
    expect([change.action, release, rig.controller.state()]).toEqual(['started', null, before])
  })

  it('deletes an endpoint only when no release is under way', async () => {
    const rig = await withRelease()
    expect(() => rig.controller.deleteEndpoint({ endpoint: 'digits', actor: 'test' })).toThrow(/under way/)
    live(rig, bad)
    rig.controller.deleteEndpoint({ endpoint: 'digits', actor: 'test' })
    expect(rig.controller.state().endpoints).toEqual({})
    expect([...rig.running]).toEqual([])
  })
})

describe('what objects inherit is nothing that was declared', () => {
  const asked = async (over: Partial<ReleaseRequest>) => {
    const { controller } = await withEndpoint()
    return controller.applyRelease({ plan: request(over), actor: 'test', dryRun: true, again: true })
  }

  it.each([
    ['a version', { to: 'constructor' }, 'invalid-resource'],
    ['an endpoint', { endpoint: 'valueOf' }, 'endpoint-not-found'],
    ['an endpoint of a group', { group: { name: 'all', endpoints: ['digits', 'toString'] } }, 'invalid-resource'],
  ])('%s', async (_, over, code) => {
    await expect(asked(over)).rejects.toMatchObject({ code })
  })

  it('an endpoint that is there already', async () => {
    const { controller } = controlRig()
    const spec = endpointSpec({ name: 'constructor' })
    expect(await controller.applyEndpoint({ spec, actor: 'test', dryRun: false })).toMatchObject({ action: 'created' })
    expect(Object.keys(controller.state().endpoints)).toEqual(['constructor'])
  })

  it('a release', () => {
    expect(() => controlRig().controller.release('constructor')).toThrow('there is no release constructor')
  })
})
