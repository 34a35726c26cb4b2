import { describe, expect, it } from 'vitest'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { RollingPlan, StagePlan } from '../../src/core/stage-plans.ts'
import { controlRig } from '../support/control.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

const rolling = (over: Partial<RollingPlan> = {}): RollingPlan => ({
  kind: 'rolling',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
  minReadyMs: 0,
  progressDeadlineMs: 600_000,
  minRequests: 0,
  ...over,
})
const recreate: StagePlan = { kind: 'recreate', holdMs: 30_000, retryAfterMs: 5_000, watchMs: 0 }

function sized(v1: number, v2: number, over: Partial<EndpointSpec['versions'][string]> = {}): EndpointSpec {
  const spec = endpointSpec()
  const [one, two] = [spec.versions['v1'], spec.versions['v2']]
  if (one === undefined || two === undefined) throw new Error('two versions are needed')
  return { ...spec, versions: { v1: { ...one, instances: v1 }, v2: { ...two, instances: v2, ...over } } }
}

async function released(spec: EndpointSpec, stage: StagePlan) {
  const rig = controlRig()
  await rig.controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
  const { planVersion: _version, from: _from, ...plan } = releasePlan({ stages: [stage] })
  await rig.controller.applyRelease({ plan, actor: 'test', dryRun: false, again: true })
  return rig
}

const url = {
  kind: 'url',
  addresses: ['http://10.0.0.1'],
  ready: { path: '/', timeoutMs: 1, unknownIsReady: true },
} as const

describe('before it begins, a roll', () => {
  it('of servers that run elsewhere is refused', async () => {
    const refused = released(sized(2, 1, { backend: url }), rolling())
    await expect(refused).rejects.toMatchObject({
      code: 'preflight-refused',
      problems: [{ path: 'stages[0].rolling', message: expect.stringContaining('the servers of v2 run elsewhere') }],
    })
  })

  it('that would leave nobody to serve is refused', async () => {
    const plan = rolling({ maxSurge: { count: 0 }, maxUnavailable: { count: 1 } })
    await expect(released(sized(1, 1), plan)).rejects.toMatchObject({
      code: 'preflight-refused',
      problems: [{ path: 'stages[0].rolling', message: expect.stringContaining('use recreate') }],
    })
  })

  it('is told how often weights will change, so that latency checks share their alpha', async () => {
    const rig = await released(sized(3, 3), rolling())
    expect(rig.controller.release('digits-1').release.plan.stages).toMatchObject([{ epochs: 3 }])
  })
})

describe('the story of', () => {
  const textsOf = (rig: Awaited<ReturnType<typeof released>>) =>
    rig.controller.timeline('digits-1').map(({ text }) => text)

  it('a roll tells every batch', async () => {
    const rig = await released(sized(2, 2), rolling())
    rig.tick(10)
    expect(textsOf(rig)).toEqual([
      'release of v2 on digits (stable v1) by rolling',
      'batch 1 of 2: v2 is being started with 1 instance',
      'batch 1 of 2: v2 gets 50 % of the traffic',
      'batch 1 of 2: 1 instance of v2 and 2 of v1 serve',
      'batch 1 of 2: v1 shrinks from 2 to 1 instance',
      'batch 2 of 2: v2 grows from 1 to 2 instances',
      'batch 2 of 2: v2 gets 66.6667 % of the traffic',
      'batch 2 of 2: 2 instances of v2 and 1 of v1 serve',
      expect.stringMatching(/^v2 takes all traffic/),
      'v2 is stable now',
    ])
    expect([...rig.running]).toEqual(['v2'])
  })

  it('a recreation tells what ends, what starts and how long nobody served', async () => {
    const rig = await released(sized(2, 2), recreate)
    expect(textsOf(rig)).toEqual([
      'release of v2 on digits (stable v1) by recreate',
      'callers are held, each up to 30 s',
      'v1 is being stopped',
      'v2 is being started with 2 instances',
      'v2 takes all traffic',
      'nobody served for 0 s',
      'v2 is stable now',
    ])
  })

  it('a recreation that fails tells how the old version comes back', async () => {
    const rig = controlRig()
    rig.broken.add('v2')
    await rig.controller.applyEndpoint({ spec: sized(2, 2), actor: 'test', dryRun: false })
    const { planVersion: _version, from: _from, ...plan } = releasePlan({ stages: [recreate] })
    await rig.controller.applyRelease({ plan, actor: 'test', dryRun: false, again: true })
    expect(textsOf(rig).slice(3)).toEqual([
      'v2 is being started with 2 instances',
      'back to v1: v2 did not become ready: exited with code 1',
      'v2 is being stopped',
      'v1 is being started with 2 instances',
      'nobody served for 0 s',
      'v1 serves everybody again',
    ])
    expect([...rig.running]).toEqual(['v1'])
  })
})

describe('a recreation', () => {
  it.each(['fleet-stopped', 'fleet-ready'])(
    'whose %s the log could not take goes on once it can: nobody would serve until then',
    async lost => {
      const log = createMemoryEventLog()
      let isAway = false
      const append: typeof log.append = entries => {
        if (isAway && entries.some(({ event }) => event.type === lost)) throw new Error('the database is away')
        return log.append(entries)
      }
      const rig = controlRig({ ...log, append })
      await rig.controller.applyEndpoint({ spec: sized(2, 2), actor: 'test', dryRun: false })
      isAway = true
      const { planVersion: _version, from: _from, ...plan } = releasePlan({ stages: [recreate] })
      await expect(rig.controller.applyRelease({ plan, actor: 'test', dryRun: false, again: true })).rejects.toThrow()
      rig.tick(10)
      expect(rig.controller.release('digits-1').release.phase.kind).not.toBe('promoted')
      isAway = false
      rig.tick()
      expect(rig.controller.release('digits-1').release.phase.kind).toBe('promoted')
    },
  )
})
