import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startFeedbackServer } from '../support/feedback-server.ts'
import { type RunOptions, runCli } from '../support/run-cli.ts'

let server: Awaited<ReturnType<typeof startFeedbackServer>>
beforeEach(async () => {
  server = await startFeedbackServer()
})
afterEach(() => server.close())

const feedback = (argv: string[], options: RunOptions = {}) =>
  runCli(['feedback', ...argv], { env: { CUTOVER_INFERENCE: server.url }, ...options })

describe('feedback', () => {
  it('sends one item that the flags describe', async () => {
    const flags = ['--prediction', 'p-1', '--row', '2', '--label', '7', '--reward', '0.5', '--id', 'o-1']
    const { code, out } = await feedback([...flags, '--metric', 'converted=true', '--metric', 'clicks=3'])
    expect([code, out]).toEqual([0, '1 joined\n'])
    const metrics = { converted: true, clicks: 3 }
    expect(server.batches).toEqual([[{ prediction: 'p-1', row: 2, label: '7', reward: 0.5, id: 'o-1', metrics }]])
  })

  it('says what becomes of an outcome whose prediction is not known', async () => {
    const { code, out } = await feedback(['--prediction', 'unknown', '--label', '7'])
    expect([code, out]).toEqual([0, '1 pending; what is pending waits a week for a prediction of that id\n'])
  })

  it.each([
    ['a line each', '{"prediction":"a","label":1}\n\n{"prediction":"b","label":2}\n'],
    ['as an editor on Windows writes it', '\uFEFF{"prediction":"a","label":1}\r\n{"prediction":"b","label":2}\r\n'],
    ['an array', '[{"prediction":"a","label":1},{"prediction":"b","label":2}]'],
  ])('reads standard input, %s', async (_, stdin) => {
    const { code, out } = await feedback(['-o', 'json'], { stdin })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ results: [{ prediction: 'a', status: 'joined' }, { prediction: 'b' }] })
  })

  it.each([
    ['a line each', '{"prediction":"a","label":9007199254740993}\n{"prediction":"b","label":[9007199254740993]}\n'],
    ['an array', '[{"prediction":"a","label":9007199254740993},{"prediction":"b","label":[9007199254740993]}]'],
  ])('sends every digit of a label, %s', async (_, stdin) => {
    await feedback([], { stdin })
    expect(server.batches[0]).toMatchObject([{ label: '9007199254740993' }, { label: ['9007199254740993'] }])
  })

  it('sends much in several requests', async () => {
    const stdin = Array.from({ length: 2_500 }, (_, i) => `{"prediction":"p${i}","label":1}`).join('\n')
    expect(await feedback(['-f', '-'], { stdin })).toMatchObject({ code: 0, out: '2500 joined\n' })
    expect(server.batches.map(batch => batch.length)).toEqual([1000, 1000, 500])
  })

  it('names the items that were not taken', async () => {
    const stdin = '[{"prediction":"a","label":1},{"prediction":"b","id":"o-2","label":null}]'
    expect(await feedback([], { stdin })).toMatchObject({
      code: 2,
      out: '1 joined, 1 invalid\n',
      err: 'error: 1 of 2 items are not valid; the others were taken\n  o-2: label must be a string\n',
    })
  })

  it.each([
    [['--label', '7'], '--prediction is missing'],
    [['--prediction', 'p'], 'nothing is told'],
    [['--prediction', 'p', '--metric', 'x'], 'not NAME=VALUE'],
    [['--prediction', 'p', '--reward', 'much'], 'not a number'],
    [['--prediction', 'p', '--metric', 'x=maybe'], 'neither a number nor true or false'],
    [['--prediction', 'p', '--label', '7', '-f', 'x'], 'either'],
    [['-f', '/does/not/exist'], 'cannot read'],
    [[], 'nothing to send'],
  ])('%j is a matter of usage', async (argv, message) => {
    expect(await feedback(argv)).toMatchObject({ code: 2, err: expect.stringContaining(message) })
    expect(server.batches).toEqual([])
  })

  it('names the line that is no JSON', async () => {
    const { code, err } = await feedback([], { stdin: '{"prediction":"a","label":1}\n{"prediction"\n' })
    expect([code, err]).toEqual([2, expect.stringContaining('standard input:2: is not JSON')])
  })
})
