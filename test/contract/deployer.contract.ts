import { describe, expect, test } from 'vitest'
import type { BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import type { VersionSpec } from '../../src/core/endpoint.ts'
import type { Instance } from '../../src/ports/backend.ts'
import type { Deployer, FleetReport } from '../../src/ports/deployer.ts'
import { request, text } from '../adapters/deployer/requests.ts'
import { closing, collectReports, type Finished, pick, until } from '../adapters/deployer/support.ts'
import { send as ask } from '../support/send.ts'

export type Held = {
  answer: Promise<BackendResponse>
  /** Lets it finish, if it does not by itself. */
  release(): void
}

export type DeployerHarness = {
  create(report: (report: FleetReport) => void): Deployer
  /** A version with `instances` ready instances. */
  good(name: string, instances: number): VersionSpec
  /** A version that cannot become ready. */
  bad(name: string): VersionSpec
  /** A request that is in flight when this returns. */
  hold(instance: Instance, signal?: AbortSignal): Held
  /** Why the number of instances cannot be asked for, where it cannot. */
  fixedSize?: string
}

/** What every deployer does, whatever runs the model. */
export function deployerContract(name: string, makeHarness: (finished: Finished) => Promise<DeployerHarness>): void {
  async function started(finished: Finished, instances = 1) {
    const harness = await makeHarness(finished)
    const reports = collectReports()
    const deployer = closing(harness.create(reports.report), finished)
    const spec = harness.good('v1', instances)
    const ensure = (version = spec, readyTimeoutMs = 600_000) =>
      deployer.ensure({ endpoint: 'digits', version, readyTimeoutMs })
    const resize = (to: number, drainMs = 600_000) =>
      deployer.ensure({ endpoint: 'digits', version: spec, readyTimeoutMs: 600_000, instances: to, drainMs })
    const states = () => deployer.status('digits', 'v1').map(({ state }) => state)
    const ids = () => deployer.status('digits', 'v1').map(({ id }) => id)
    return { harness, reports, deployer, spec, ensure, resize, states, ids }
  }

  async function ready(finished: Finished, instances = 1) {
    const context = await started(finished, instances)
    context.ensure()
    await context.reports.next('ready')
    return context
  }

  describe.concurrent(`deployer: ${name}`, () => {
    test('nothing is picked before the fleet is ready, and something after', async ({ onTestFinished }) => {
      const { deployer, ensure, reports } = await started(onTestFinished, 2)
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      ensure()
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      await reports.next('ready')
      await until(() => deployer.fleets.readyCount('digits', 'v1') === 2)
      expect(reports.all).toMatchObject([{ state: 'ready', endpoint: 'digits', version: 'v1' }])
      expect(deployer.status('digits', 'v1').map(({ state }) => state)).toEqual(['ready', 'ready'])
      expect(deployer.fleets.pick('digits', 'v2')).toBeNull()
    })

    test('a version that can be served passes its check', async ({ onTestFinished }) => {
      const { deployer, spec } = await started(onTestFinished)
      await expect(deployer.check(spec)).resolves.toSatisfy(found => found === null || typeof found === 'object')
    })

    test('ensuring twice starts nothing twice and reports the state again', async ({ onTestFinished }) => {
      const { deployer, ensure, reports } = await ready(onTestFinished)
      const before = pick(deployer, 'v1')
      ensure()
      await reports.next('ready')
      expect(pick(deployer, 'v1')).toBe(before)
      expect(deployer.status('digits', 'v1')).toHaveLength(1)
    })

    test('the same name on another backend is refused while the first runs', async ({ onTestFinished }) => {
      const { harness, ensure } = await ready(onTestFinished)
      expect(() => ensure({ ...harness.bad('v1') })).toThrow(/already runs from another backend/)
    })

    test('a request goes to the least busy instance, and equals take turns', async ({ onTestFinished }) => {
      const { deployer, harness } = await ready(onTestFinished, 2)
      await until(() => deployer.fleets.readyCount('digits', 'v1') === 2)
      expect(new Set([pick(deployer, 'v1'), pick(deployer, 'v1')]).size).toBe(2)
      const busy = pick(deployer, 'v1')
      const held = harness.hold(busy)
      expect(busy.inFlight).toBe(1)
      expect([pick(deployer, 'v1'), pick(deployer, 'v1')]).not.toContain(busy)
      held.release()
      await text(await held.answer)
      await until(() => busy.inFlight === 0)
    })

    test('stopping leaves the view at once and lets what is in flight finish', async ({ onTestFinished }) => {
      const { deployer, harness, reports } = await ready(onTestFinished)
      const held = harness.hold(pick(deployer, 'v1'))
      const stopped = deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 60_000 })
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      expect(deployer.fleets.readyCount('digits', 'v1')).toBe(0)
      expect(deployer.status('digits', 'v1').map(({ state }) => state)).toEqual(['draining'])
      held.release()
      const answer = await held.answer
      expect(answer.status).toBe(200)
      expect(await text(answer)).not.toBe('')
      await stopped
      expect(deployer.status('digits', 'v1')).toEqual([])
      expect(reports.all.map(({ state }) => state)).toEqual(['ready', 'stopped'])
    })

    test('a fleet that was stopped can be started again', async ({ onTestFinished }) => {
      const { deployer, ensure, reports } = await ready(onTestFinished)
      await deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 1_000 })
      ensure()
      await reports.next('ready')
      expect(deployer.fleets.readyCount('digits', 'v1')).toBe(1)
    })

    test('a fleet that is asked for again while it stops is not told to be stopped', async ({ onTestFinished }) => {
      const { deployer, ensure, reports } = await ready(onTestFinished)
      const stopped = deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 1_000 })
      ensure()
      await Promise.all([stopped, reports.next('ready')])
      expect(reports.all.map(({ state }) => state)).toEqual(['ready', 'ready'])
    })

    test('stopping what does not run only tells that it does not', async ({ onTestFinished }) => {
      const { deployer, reports } = await started(onTestFinished)
      await expect(deployer.stop({ endpoint: 'digits', version: 'v9', drainMs: 0 })).resolves.toBeUndefined()
      expect(reports.all).toEqual([{ state: 'stopped', endpoint: 'digits', version: 'v9' }])
    })

    test('a request whose caller leaves rejects with client-closed', async ({ onTestFinished }) => {
      const { deployer, harness } = await ready(onTestFinished)
      const caller = new AbortController()
      const held = harness.hold(pick(deployer, 'v1'), caller.signal)
      caller.abort()
      await expect(held.answer.then(text)).rejects.toMatchObject({ code: 'client-closed' })
      held.release()
      await until(() => pick(deployer, 'v1').inFlight === 0)
    })

    test('a request whose caller is gone already is not sent', async ({ onTestFinished }) => {
      const { deployer } = await ready(onTestFinished)
      const sent = ask(pick(deployer, 'v1'), request({ path: '/echo', signal: AbortSignal.abort() }))
      await expect(sent).rejects.toMatchObject({ code: 'client-closed' })
    })

    test('a version that never becomes ready fails with a reason', async ({ onTestFinished }) => {
      const { deployer, harness, reports, ensure } = await started(onTestFinished)
      ensure(harness.bad('v2'), 5_000)
      const { reason, version } = await reports.next('failed')
      expect(version).toBe('v2')
      expect(reason.length).toBeGreaterThan(20)
      expect(deployer.fleets.pick('digits', 'v2')).toBeNull()
    })

    test('closing ends everything and later calls start nothing', async ({ onTestFinished }) => {
      const { deployer, ensure } = await ready(onTestFinished, 2)
      await deployer.close()
      ensure()
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      expect(deployer.status('digits', 'v1')).toEqual([])
    })

    test('a fleet grows to the size that is asked for and keeps what runs', async context => {
      const { harness, deployer, reports, resize, ids } = await ready(context.onTestFinished)
      if (harness.fixedSize !== undefined) return context.skip(harness.fixedSize)
      const first = pick(deployer, 'v1')
      resize(3)
      expect(pick(deployer, 'v1')).toBe(first)
      expect((await reports.next('ready')).instances).toBe(3)
      expect(ids()).toEqual(['digits/v1/0', 'digits/v1/1', 'digits/v1/2'])
      expect(deployer.fleets.readyCount('digits', 'v1')).toBe(3)
    })

    test('a fleet that shrinks lets its youngest finish and is of its new size only then', async context => {
      const { harness, deployer, reports, resize, states, ids } = await ready(context.onTestFinished, 2)
      if (harness.fixedSize !== undefined) return context.skip(harness.fixedSize)
      const youngest = pickNamed(deployer, 'digits/v1/1')
      const held = harness.hold(youngest)
      resize(1)
      expect(deployer.fleets.readyCount('digits', 'v1')).toBe(1)
      expect(pick(deployer, 'v1').id).toBe('digits/v1/0')
      expect(states()).toEqual(['ready', 'draining'])
      held.release()
      const answer = await held.answer
      expect(answer.status).toBe(200)
      expect(await text(answer)).not.toBe('')
      expect((await reports.next('ready')).instances).toBe(1)
      expect(ids()).toEqual(['digits/v1/0'])
      expect(reports.all).toHaveLength(2)
    })

    test('what comes in the place of one that leaves waits until that has gone', async context => {
      const { harness, deployer, reports, resize, states, ids } = await ready(context.onTestFinished, 2)
      if (harness.fixedSize !== undefined) return context.skip(harness.fixedSize)
      const held = harness.hold(pickNamed(deployer, 'digits/v1/1'))
      resize(1)
      resize(2)
      expect(states()).toEqual(['ready', 'draining'])
      held.release()
      await text(await held.answer)
      expect((await reports.next('ready')).instances).toBe(2)
      expect(new Set(ids()).size).toBe(2)
      expect(states()).toEqual(['ready', 'ready'])
      expect(reports.all).toHaveLength(2)
    })

    test('a fleet that stops while it shrinks ends all of it', async context => {
      const { harness, deployer, reports, resize, states } = await ready(context.onTestFinished, 2)
      if (harness.fixedSize !== undefined) return context.skip(harness.fixedSize)
      resize(1)
      await deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 1_000 })
      expect(states()).toEqual([])
      expect(reports.all.at(-1)).toEqual({ state: 'stopped', endpoint: 'digits', version: 'v1' })
    })

    test('a size of a version whose size is fixed is passed over', async context => {
      const { harness, deployer, reports, resize } = await ready(context.onTestFinished)
      if (harness.fixedSize === undefined) return context.skip('its size can be asked for')
      resize(3)
      expect((await reports.next('ready')).instances).toBeUndefined()
      expect(deployer.status('digits', 'v1')).toHaveLength(1)
    })
  })
}

/** Equals take turns, so that each comes within as many picks as there are. */
function pickNamed(deployer: Deployer, id: string): Instance {
  for (let turn = 0; turn < 10; turn += 1) {
    const picked = pick(deployer, 'v1')
    if (picked.id === id) return picked
  }
  throw new Error(`${id} is not picked`)
}
