import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { effects } from '../../src/cli/commands/simulate.ts'
import { simulationPage } from '../../src/cli/simulation-page.ts'
import type { WireSimulation } from '../../src/contract/wire/simulation.ts'
import { runCli } from '../support/run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'cutover-simulate-'))
afterAll(() => rmSync(folder, { recursive: true }))

const release = `
kind: Endpoint
name: digits
stable: v1
versions:
  v1: { command: [serve, "{port}"] }
  v2: { command: [serve, "{port}"] }
---
kind: Release
endpoint: digits
to: v2
guardrails: { error-rate: { margin: 1pp } }
stages:
  - canary: { steps: [50%] }
`
const scenario = (name: string, errorRate: string) => `
kind: Scenario
name: ${name}
traffic: { requests-per-second: 10 }
versions:
  v1: { error-rate: 1% }
  v2: { like: v1, error-rate: ${errorRate} }
`

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const files = {
  release: file('release.yaml', release),
  broken: file('broken.yaml', scenario('broken', '20%')),
  equal: file('equal.yaml', scenario('equal', '1%')),
}

describe('cutover simulate', () => {
  it('runs nothing whose page could not be written', async () => {
    const argv = ['simulate', '-f', files.release, '--scenario', files.broken, '--html', join(folder, 'no/page.html')]
    const simulate = async () => Promise.reject(new Error('it ran'))
    const { code, err } = await runCli(argv, { actions: { simulate } })
    expect([code, err]).toEqual([2, expect.stringMatching(/^error: cannot write .*page\.html/)])
  })

  it('simulates on this machine, and says the same again for the same seed', async () => {
    const asked = ['simulate', '-f', files.release, '--scenario', files.broken, '--seeds', '5', '--seed', '3']
    const { code, out } = await runCli(asked)
    expect(code).toBe(0)
    expect(out).toContain('digits from v1 to v2, simulated with 5 seeds from 3')
    expect(out).toContain('in truth v2 is worse than a margin allows')
    expect(out).toMatch(/rolled back +100\.0%/)
    expect(out).toMatch(/misses +0\.0%/)
    expect((await runCli(asked)).out).toBe(out)
  })

  it('writes a page in which nothing of the documents is markup', async () => {
    const page = join(folder, 'page.html')
    const asked = ['simulate', '-f', files.release, '--scenario', files.broken, '--seeds', '2', '--html', page]
    expect((await runCli(asked)).code).toBe(0)
    const text = readFileSync(page, 'utf8')
    expect(text).toContain('<h2>broken, by canary</h2>')
    expect(text).toContain('<title>rolled back: 2 of 2</title>')
    expect(text).not.toContain('<script')
    const refused = { strategy: 'canary', scenario: '<b>', refused: 'a < b & "c"', study: null }
    const seeds = { first: 1, count: 1 }
    const made = simulationPage({ endpoint: 'e', from: 'v1', to: 'v2', seeds, cautions: [], results: [refused] })
    expect(made).toContain('&lt;b&gt;, by canary')
    expect(made).toContain('a &lt; b &amp; &quot;c&quot;')
  })

  it('puts scenarios and strategies beside each other', async () => {
    const both = ['--scenario', files.broken, '--scenario', files.equal]
    const asked = ['simulate', '-f', files.release, ...both, '--compare', 'canary,rolling', '--seeds', '3']
    const { out } = await runCli([...asked, '-o', 'json'])
    const { results } = JSON.parse(out) as WireSimulation
    expect(results.map(({ scenario: name, strategy }) => `${name} ${strategy}`)).toEqual([
      'broken canary',
      'broken rolling',
      'equal canary',
      'equal rolling',
    ])
    expect((await runCli(asked)).out).toContain('SCENARIO   STRATEGY')
  })

  it.each([
    ['no release', ['-f', files.broken], 'holds no Release'],
    ['a strategy that is none', ['-f', files.release, '--compare', 'hope'], '--compare names no strategy'],
    ['no seeds', ['-f', files.release, '--seeds', '0'], '--seeds is not a number'],
    [
      'an unknown key',
      ['-f', files.release, '--scenario', file('odd.yaml', `${scenario('odd', '1%')}speed: 3\n`)],
      'speed',
    ],
    [
      'effects beside a scenario',
      ['-f', files.release, '--scenario', files.broken, '--candidate', 'error-rate=2%'],
      '--candidate is of a simulation against the log',
    ],
    ['an effect that is none', ['-f', files.release, '--candidate', 'faster'], '--candidate is not a list of effects'],
  ])('refuses %s', async (_, words, message) => {
    const { code, err } = await runCli(['simulate', ...words])
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })

  it('reads effects as a scenario has them', () => {
    expect(effects('error-rate=2%, metrics.conversion=9%,metrics.revenue=3.1')).toEqual({
      'error-rate': '2%',
      metrics: { conversion: { rate: '9%' }, revenue: { mean: 3.1 } },
    })
  })
})
