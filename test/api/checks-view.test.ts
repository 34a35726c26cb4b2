/** What is told of a check that counts what is bad under a name that is good. */
import { expect, it } from 'vitest'
import { judgementView } from '../../src/api/judgement-view.ts'
import { sideWords } from '../../src/contract/words/checks.ts'
import { judge } from '../../src/core/judge/judge.ts'
import { runningRelease, seen } from '../support/evidence.ts'

it('a share of wrong answers is called one, since its check is called accuracy', () => {
  const guardrails = (['error-rate', 'accuracy'] as const).map(kind => ({
    metric: kind,
    measure: { kind },
    margin: 0.01,
    alpha: 0.01,
    minEvents: 50,
  }))
  const stable = { requests: 400, labelled: 400, wrong: 40 }
  const candidate = { requests: 100, labelled: 100, wrong: 55 }
  const { checks } = judgementView(
    judge(runningRelease([20], { guardrails }), seen([{ percent: 20, stable, candidate }]), {}),
  )
  expect(checks.map(check => sideWords(check, 'candidate'))).toEqual(['v2: 0% (0 of 100)', 'v2: 55% wrong (55 of 100)'])
})
