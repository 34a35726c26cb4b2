import { expect, it } from 'vitest'
import { judgementView } from '../../src/api/judgement-view.ts'
import { pairsText } from '../../src/cli/pairs-text.ts'
import { arm, seenArms } from '../support/shadows.ts'

it('tells what both versions did with the same requests, and where they differ most', () => {
  const challenger = arm('pass')
  if (challenger.pairs === undefined) throw new Error('a challenger has pairs')
  const pairs = {
    ...challenger.pairs,
    pairs: 40,
    failures: { challenger: 2, champion: 1, both: 0 },
    labelled: { bothRight: 30, challengerOnly: 4, championOnly: 1, bothWrong: 2 },
    examples: [{ prediction: 'p7', distance: 1, note: '3 against \u001b[31m8' }],
    lost: 5,
    agreement: { ...challenger.pairs.agreement, reason: '35 of 37 answers agree' },
  }
  const text = pairsText(judgementView(seenArms({ v2: { ...challenger, pairs } })), '> ')
  expect(text.split('\n')).toEqual([
    '> v2 pass: the pairs say pass',
    '>   40 pairs; 35 of 37 answers agree',
    '>   failures: 2 of v2 alone, 1 of the champion alone, 0 of both',
    '>   37 labelled: both right 30, v2 alone 4, the champion alone 1, both wrong 2',
    '>   5 whose other half was not at hand any more',
    expect.stringMatching(/^> {3}differs by 1\.00: p7: 3 against .*8$/),
    '',
  ])
  expect(text).not.toContain('\u001b')
})

it('has nothing to tell of a judgement without challengers', () => {
  expect(pairsText(judgementView(seenArms({})), '')).toBe('')
})
