/** `cutover flags`, and what the other commands know of flags. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { type RunOptions, runCli } from '../support/run-cli.ts'

let server: ControlServer
let folder: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-flags-'))
  server = await startControlServer()
  await cutover('apply -f -', { stdin: [beta, ranker].map(one => stringify(one)).join('---\n') })
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await server.close()
})

const beta = { kind: 'Segment', name: 'beta', include: ['ann'] }
const ranker = {
  kind: 'Flag',
  name: 'ranker',
  serve: 'off',
  rules: [{ name: 'beta', when: [{ segment: 'beta' }], serve: 'on' }],
}

const cutover = (line: string, options: RunOptions = {}) =>
  runCli([...line.split(' '), '--server', server.url], { cwd: folder, env: { USER: 'ann' }, ...options })
const spec = () => server.control.state().flags?.flags['ranker']?.spec

describe('segments', () => {
  it('are listed and shown with their changes', async () => {
    expect((await cutover('segments list')).out).toBe((await cutover('get segments')).out)
    const { out } = await cutover('segments get beta')
    expect(out).toMatch(
      /^beta\n {2}includes: ann\n {2}excludes: -\n {2}when: -\n {2}used by: flag ranker\n\n1 {2}2026-.* applied by cli:ann\n$/,
    )
    expect((await cutover('describe segment beta')).out).toBe(out)
    expect(JSON.parse((await cutover('segments list -o json')).out).items[0].name).toBe('beta')
  })

  it('go back by one step', async () => {
    await cutover('apply -f -', { stdin: stringify({ ...beta, include: ['bob'] }) })
    expect((await cutover('segments undo beta --dry-run')).out).toContain('  - include: "bob"\n  + include: "ann"\n')
    expect((await cutover('segments undo beta')).out).toContain('Segment/beta updated (back to revision 1)')
    expect((await cutover('segments history beta')).out).toMatch(
      /^3 .*undone by cli:ann: back to revision 1\n {5}include: "bob" -> -\n {5}include: - -> "ann"\n2 /,
    )
    expect((await cutover('segments history nothing')).err).toContain('there is no segment nothing')
  })
})

describe('flags', () => {
  it('are listed, by either command', async () => {
    const listed = await cutover('flags list')
    expect(listed.code).toBe(0)
    expect(listed.out).toMatch(
      /^NAME +TYPE +SWITCH +SERVES +RULES +REVISION +CHANGED\nranker +boolean +on +off +1 +1 +cli:ann /,
    )
    expect((await cutover('get flags')).out).toBe(listed.out)
    expect((await cutover('get segments')).out).toContain('beta')
    expect(JSON.parse((await cutover('flags list -o json')).out).items[0].name).toBe('ranker')
  })

  it('are shown with their rules and changes', async () => {
    const { out } = await cutover('describe flag ranker')
    expect(out).toContain('ranker (boolean): on, serves off\n')
    expect(out).toContain('rule beta: in segment beta -> on\n')
    expect(out).toMatch(/1 {2}2026-.* applied by cli:ann\n$/)
    expect((await cutover('flags get ranker')).out).toBe(out)
  })

  it('are rolled out by percentage, switched and served', async () => {
    expect((await cutover('flags rollout ranker 12.5%')).out).toContain('Flag/ranker updated\n')
    expect(spec()?.default).toEqual({ kind: 'rollout', weights: { on: 125_000, off: 875_000 } })
    await cutover('flags rollout ranker on=30% off=70% --by tenant')
    expect(spec()?.default).toEqual({ kind: 'rollout', weights: { on: 300_000, off: 700_000 }, by: 'tenant' })
    await cutover('flags set ranker off --rule beta')
    expect(spec()?.rules?.[0]?.serve).toEqual({ kind: 'variant', variant: 'off' })
    await cutover('flags disable ranker --note alarms')
    expect(spec()?.enabled).toBe(false)
    expect((await cutover('flags enable ranker --dry-run')).out).toContain('~ enabled: false -> true')
    expect(spec()?.enabled).toBe(false)
    expect((await cutover('flags history ranker')).out).toMatch(/^5 .*disabled: alarms\n {5}enabled: true -> false\n4 /)
  })

  it('say where what is served has no effect, since the switch is off', async () => {
    await cutover('flags disable ranker')
    expect((await cutover('flags set ranker on')).out).toContain(
      '\nranker is disabled: everybody gets off until: cutover flags enable ranker\n',
    )
    await cutover('flags enable ranker')
    expect((await cutover('flags rollout ranker 10%')).out).not.toContain('is disabled')
  })

  it('are taken back by one step', async () => {
    await cutover('flags set ranker on')
    expect((await cutover('flags undo ranker')).out).toContain('Flag/ranker updated (back to revision 1)')
    expect(spec()?.default).toEqual({ kind: 'variant', variant: 'off' })
  })

  it('are explained', async () => {
    const { out } = await cutover('flags evaluate ranker --unit ann --attribute plan=pro --attribute age=31')
    expect(out).toBe(
      'ranker is true (on), TARGETING_MATCH, decided by rule beta\n  rule beta: yes\n    in segment beta: yes\n',
    )
    expect(JSON.parse((await cutover('flags evaluate ranker -o json')).out)).toMatchObject({
      value: false,
      decidedBy: 'default',
    })
  })

  it('are imported from a flagd file', async () => {
    const flags = { colour: { state: 'ENABLED', variants: { red: 'r' }, defaultVariant: 'red' } }
    writeFileSync(join(folder, 'flags.json'), JSON.stringify({ flags }))
    expect((await cutover('flags import flags.json --dry-run')).out).toContain('Flag/colour would be created')
    expect((await cutover('flags import flags.json')).out).toBe('Flag/colour created\n')
    expect((await cutover('flags import -', { stdin: '{"flags":{"a":{}}}' })).code).toBe(2)
  })

  it('are deleted, and segments that nothing uses', async () => {
    expect(await cutover('delete segment beta')).toMatchObject({ code: 1, err: /is used by flag ranker/ })
    expect((await cutover('delete flag ranker')).out).toBe('Flag/ranker deleted\n')
    expect((await cutover('delete segment beta')).out).toBe('Segment/beta deleted\n')
    expect((await cutover('flags list')).out).toBe('no flags\n')
  })

  it.each([
    ['flags rollout ranker on', /a share takes VARIANT=PERCENTAGE/],
    ['flags evaluate ranker --attribute plan', /--attribute takes NAME=VALUE/],
    ['flags set ranker maybe', /has no variant maybe/],
    ['flags get nothing', /there is no flag nothing/],
  ])('%s says what is wrong', async (line, text) => {
    const { code, err } = await cutover(line)
    expect(code).toBeGreaterThan(0)
    expect(err).toMatch(text)
  })
})
