import { expect, it } from 'vitest'
import { rejudgedText } from '../../src/cli/rejudged-text.ts'
import type { WireRejudged } from '../../src/contract/wire/rejudge.ts'
import { runCli } from '../support/run-cli.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString()

const course: WireRejudged['own'] = {
  decision: { kind: 'as-recorded', at: null, reason: 'nothing would have been decided otherwise' },
  checks: [],
  periods: [
    {
      ...{ epoch: 2, stage: 0, candidatePpm: 200_000, since: at(0), until: at(60), looks: 9, firstPass: at(20) },
      ...{ firstFail: at(41), couldEnd: null, verdict: 'fail', reason: 'error-rate' },
    },
  ],
  changes: [],
  looks: 9,
}

const answer: WireRejudged = {
  release: 'digits-3',
  recorded: { end: 'promoted', at: at(130), reason: '' },
  predictions: 1_000,
  own: course,
  other: {
    ...course,
    decision: { kind: 'rolls-back', at: at(41), reason: 'error-rate: the margin is crossed' },
    checks: [
      {
        ...{
          metric: 'error-rate',
          role: 'guardrail',
          margin: 0.001,
          alpha: 0.01,
          firstPass: at(20),
          firstFail: at(41),
        },
        ...{ verdict: 'fail', reason: 'error-rate 0.92 %' },
      },
    ],
  },
  unknown: [],
}

it('tells what was, what would have been and from when on nothing is known', () => {
  const text = rejudgedText(answer)
  expect(text).toContain('recorded    promoted after 2:10')
  expect(text).toContain('own plan    decides the same: nothing')
  expect(text).toContain('other plan  rolls back after 0:41: error-rate: the margin is crossed')
  expect(text).toContain('not known   what comes after 0:41')
  expect(text).toMatch(/error-rate +guardrail +0\.001 +0\.01 +0:20 +0:41/)
  expect(text).toMatch(/20% +0:00 +1:00 +0:20 +0:41 +-/)
})

it.each([
  [['backtest', 'digits'], 'a backtest takes --policy'],
  [['backtest', 'digits', '--release', 'digits-1'], 'a backtest takes --policy'],
  [['backtest', 'digits', '--margin', 'error-rate=1pp'], 'a backtest takes --policy'],
  [['backtest', 'digits', '--release', 'digits-1', '--margin', 'error-rate'], '--margin is not a metric'],
])('refuses %j', async (words, message) => {
  const { code, err } = await runCli(words)
  expect([code, err]).toEqual([2, expect.stringContaining(message)])
})
