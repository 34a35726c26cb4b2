import { expect, it } from 'vitest'
import { analyticsOnDemand } from '../../src/adapters/analytics/on-demand.ts'
import type { Analytics } from '../../src/ports/analytics.ts'

function rig(failures = 0) {
  const opened: { lose(): void; closed: boolean }[] = []
  let attempts = 0
  const analytics = analyticsOnDemand(async onLost => {
    attempts += 1
    if (attempts <= failures) throw new Error('no room')
    const one = { lose: onLost, closed: false }
    opened.push(one)
    return {
      summarise: async () => ({ groups: [] }) as unknown as Awaited<ReturnType<Analytics['summarise']>>,
      offPolicyRows: async () => {},
      close: async () => {
        one.closed = true
      },
    }
  })
  const ask = () => analytics.summarise({} as Parameters<Analytics['summarise']>[0])
  return { analytics, opened, ask }
}

it('opens at the first question and stays open', async () => {
  const { opened, ask } = rig()
  expect(opened).toHaveLength(0)
  await Promise.all([ask(), ask()])
  await ask()
  expect(opened).toHaveLength(1)
})

it('opens again at the next question when it was lost, or could not be opened', async () => {
  const { analytics, opened, ask } = rig(1)
  await expect(ask()).rejects.toThrow('no room')
  await ask()
  opened[0]?.lose()
  await ask()
  expect(opened).toHaveLength(2)
  opened[0]?.lose()
  await ask()
  expect(opened).toHaveLength(2)
  await analytics.close()
  expect(opened[1]?.closed).toBe(true)
})
