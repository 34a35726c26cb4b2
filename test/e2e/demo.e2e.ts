import { expect, it } from 'vitest'
import { root, run } from './process.ts'

it('the demo promotes the good release and takes the broken one back, and says so in JSON lines', async () => {
  const { code, stdout, stderr } = await run([`${root}/bin/cutover.js`, 'demo', '--once', '-o', 'json'])
  expect(code, stderr + stdout.slice(-2_000)).toBe(0)
  const events = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const summary = events.at(-1)
  expect(summary).toMatchObject({
    event: 'summary',
    failed: 0,
    releases: [
      { to: 'v2', state: 'promoted' },
      { to: 'v3', state: 'rolled-back' },
    ],
  })
  const back = events.find(one => one.kind === 'rolling-back')
  expect(back.judgement.checks.find((check: { metric: string }) => check.metric === 'accuracy').verdict).toBe('fail')
  expect(back.exposure.units).toBeGreaterThan(0)
  expect(back.exposure.durationMs).toBeGreaterThan(0)
  const steps = events.filter(one => one.kind === 'weight' && one.release === 'digits-1').map(one => one.candidatePpm)
  expect(steps).toEqual([50_000, 250_000, 500_000])
})
