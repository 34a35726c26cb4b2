import { describe, expect, it } from 'vitest'
import { verbsFor, verbWords } from '../../dashboard/pages/release/verbs.ts'
import { phaseKinds, type WireReleaseSummary, wireVerbs } from '../../src/contract/wire/release.ts'

type Standing = Pick<WireReleaseSummary, 'state' | 'phase' | 'hold'>
const hold = (cause: NonNullable<Standing['hold']>['cause']) => ({ since: '2026-01-01T00:00:00Z', cause, reason: '' })

describe('the words to a release', () => {
  it.each<[string, Standing, string]>([
    ['that runs', { state: 'active', phase: 'running', hold: null }, 'pause promote rollback'],
    ['that is paused', { state: 'paused', phase: 'running', hold: null }, 'resume promote rollback'],
    ['that holds', { state: 'holding', phase: 'running', hold: hold('ceiling') }, 'resume pause promote rollback'],
    [
      'that waits for a yes',
      { state: 'holding', phase: 'running', hold: hold('approval') },
      'approve resume pause promote rollback',
    ],
    ['in the queue', { state: 'queued', phase: 'queued', hold: null }, 'rollback'],
    ['before a gate', { state: 'holding', phase: 'starting', hold: hold('gate') }, 'approve rollback'],
    ['in probation', { state: 'active', phase: 'probation', hold: null }, 'rollback'],
    ['on its way back', { state: 'active', phase: 'returning', hold: null }, ''],
    ['that is over', { state: 'promoted', phase: 'promoted', hold: null }, ''],
  ])('%s', (_, standing, words) => {
    expect(verbsFor(standing).join(' ')).toBe(words)
  })

  it('are all of the API’s, each with what it does', () => {
    expect(Object.keys(verbWords).toSorted()).toEqual(wireVerbs.toSorted())
  })

  it('say which version they mean', () => {
    const ends = { from: 'v1', to: 'v3' }
    expect(verbWords.promote.does(ends)).toBe('v3 becomes the stable version now, whatever the evidence says.')
    expect(verbWords.rollback.does(ends)).toBe('All traffic goes back to v1, and the release ends.')
  })

  it('always leave a way back before the end', () => {
    for (const phase of phaseKinds.filter(one => !['promoted', 'rolled-back', 'returning'].includes(one))) {
      expect(verbsFor({ state: 'active', phase, hold: null })).toContain('rollback')
    }
  })
})
