import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readMethods, renderPage } from '../../scripts/statistics.ts'
import * as published from '../../src/stats/index.ts'

const methods = readMethods()

describe('the published statistics', () => {
  it('are told by the page as their docstrings tell them', () => {
    expect(readFileSync('docs/reference/statistics.md', 'utf8')).toBe(renderPage(methods))
  })

  it('are exported, with what is needed to begin', () => {
    expect(methods.map(({ name }) => name).filter(name => !(name in published))).toEqual([])
    expect(published).toHaveProperty('startAssignmentBetting')
  })

  it.each(methods.map(({ name, tags, meaning }) => ({ name, tags, meaning })))(
    'say what $name is and where it comes from',
    ({ tags, meaning }) => {
      expect(meaning.join(' ').length).toBeGreaterThan(20)
      expect(tags['use']).toBeTruthy()
      expect(tags['source']).toBeTruthy()
    },
  )
})
