/** Days of a watched endpoint in virtual time, with a log that keeps hours. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { startRetention } from '../../src/controller/retention.ts'
import { limits } from '../../src/core/limits.ts'
import { watchedOf } from '../../src/core/monitor/monitoring.ts'
import type { MonitorSpec } from '../../src/core/monitor/spec.ts'
import { createWatchBook } from '../../src/evidence/watch/watch-book.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { controlRig } from '../support/control.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

const hourMs = 3_600_000
const keepMs = 6 * hourMs
const monitor: MonitorSpec = {
  checks: [
    { metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 },
    { metric: 'accuracy', event: { kind: 'wrong' }, rateMax: 0.1 },
  ],
  alpha: 0.01,
  window: 20,
  atMostMs: hourMs,
  onBreach: 'alert',
}

async function keeping(over: { trim?: PredictionLog['trim']; isWatched?: boolean } = {}) {
  const rig = controlRig()
  const { controller, clock } = rig
  // Nothing of what it looks at is here, and it would do so twice a second.
  controller.stop()
  const spec = endpointSpec(over.isWatched === false ? {} : { monitor })
  await controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
  const log = createMemoryPredictionLog({ clock })
  let aheadMs = 0
  const shifted: Clock = { ...clock, nowMs: () => clock.nowMs() + aheadMs }
  const [trimmed, complaints]: [number[], string[]] = [[], []]
  const retention = startRetention({
    ...{
      control: controller,
      log: { trim: over.trim ?? (trim => log.trim(trim)) },
      clock: shifted,
      uptime: clock,
      keepMs,
    },
    onTrimmed: count => trimmed.push(count),
    complain: what => complaints.push(what),
  })
  onTestFinished(() => retention.close())
  const book = () => createWatchBook({ watched: name => watchedOf(controller.state().endpoints[name]) })
  const live = book()
  let sent = 0
  const endpoint = () => {
    const found = controller.state().endpoints['digits']
    if (found === undefined) throw new Error('the endpoint is there')
    return found
  }
  return {
    controller,
    clock,
    jump: (ms: number) => {
      aheadMs += ms
    },
    trimmed,
    complaints,
    live,
    endpoint,
    kept: async () => (await log.find({ limit: 1_000 })).map(({ prediction }) => prediction).reverse(),
    /** Time, and ten predictions in each hour of it, with their labels. */
    async pass(hours: number) {
      for (let minute = 0; minute < hours * 60; minute += 6) {
        for (let part = 0; part < 6; part += 1) {
          clock.advance(60_000)
          await new Promise(resolve => setImmediate(resolve))
        }
        sent += 1
        const { epoch } = endpoint().table
        const id = `p${sent}`
        live.add(await log.appendPredictions([aPrediction({ id, epoch, atMs: clock.nowMs(), failed: sent % 9 === 0 })]))
        const { joined } = await log.appendOutcomes([anOutcome({ id: `o${sent}`, prediction: id, label: sent % 2 })])
        live.add({ fresh: [], joined })
      }
    },
    /** What the next server would read again. */
    async rebuilt() {
      const again = book()
      const { sinceEpoch = 0 } = endpoint().monitoring ?? {}
      await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: sinceEpoch }] }, ({ predictions, joined }) =>
        again.add({ fresh: predictions, joined }),
      )
      return again.read('digits')
    },
  }
}

describe('predictions that are kept for some hours', () => {
  it('are let go when they are older, so that the log stays as long as it is', async () => {
    const { pass, kept, clock, trimmed } = await keeping()
    for (let day = 0; day < 3; day += 1) {
      await pass(24)
      const [oldest] = await kept()
      expect(clock.nowMs() - (oldest?.atMs ?? 0)).toBeLessThanOrEqual(2 * keepMs)
      expect((await kept()).length).toBeLessThanOrEqual(120)
    }
    expect(trimmed.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(600)
  })

  it('leave the watch of their version what it rests on: another server has the same numbers, at any time', async () => {
    const { pass, live, rebuilt, endpoint } = await keeping()
    const since = new Set<number>()
    for (let hour = 0; hour < 30; hour += 1) {
      await pass(1)
      since.add(endpoint().monitoring?.sinceMs ?? 0)
      expect(await rebuilt()).toEqual(live.read('digits'))
    }
    // It began anew when it had lasted as long.
    expect(since.size).toBeGreaterThanOrEqual(4)
  })

  it.each([true, false])(
    'stay as long as a release rests on them, and go when it is over; watched: %s',
    async isWatched => {
      const { pass, kept, controller, endpoint } = await keeping({ isWatched })
      await pass(10)
      const { release } = await controller.applyRelease({
        ...{ plan: releasePlan(), actor: 'test', dryRun: false, again: false },
      })
      await pass(20)
      const { epoch } = controller.state().releases[release ?? '']?.epochs[0] ?? {}
      expect(epoch).toBe(endpoint().table.epoch)
      expect((await kept()).filter(one => one.epoch === epoch)).toHaveLength(200)
      controller.operate({ release: release ?? '', verb: 'abort', actor: 'test', note: null })
      await pass(20)
      expect((await kept()).length).toBeLessThanOrEqual(120)
    },
  )

  it('are not let go by a clock that has jumped, for an hour', async () => {
    const { pass, kept, jump } = await keeping()
    await pass(3)
    const before = (await kept()).map(({ id }) => id)
    jump(365 * 24 * hourMs)
    await pass(0.9)
    expect((await kept()).map(({ id }) => id).slice(0, before.length)).toEqual(before)
    await pass(0.4)
    expect((await kept())[0]?.id).not.toBe(before[0])
  })

  it('are looked at again a round later where the log failed', async () => {
    let calls = 0
    const { pass, complaints } = await keeping({
      trim: async () => {
        calls += 1
        if (calls === 1) throw new Error('disk full')
        return { predictions: 0, isDone: true }
      },
    })
    await pass(0.1)
    expect(complaints).toEqual(['letting old predictions go'])
    expect(calls).toBeGreaterThan(1)
  })

  it('go in one round, some at a time', async () => {
    const answers = [3, 2, 1].map(left => ({ predictions: 10, isDone: left === 1 }))
    const rig = await keeping({ trim: async () => answers.shift() ?? { predictions: 0, isDone: true } })
    await rig.pass(0.1)
    expect(rig.trimmed).toEqual([30])
    expect(limits.trimPauseMs).toBeLessThan(limits.trimIntervalMs)
  })
})
