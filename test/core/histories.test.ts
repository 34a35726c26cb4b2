/** Logs that released versions wrote must fold to the same state for ever: what a customer's data folder holds is such a log. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { LoggedEvent } from '../../src/core/event.ts'
import type { ControlState } from '../../src/core/state.ts'
import { fold } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'

type Line = { seq: number; kind: string; text: string; candidatePpm: number }
type History = {
  recordedBy: string
  events: LoggedEvent[]
  expected: { state: ControlState; stories: Record<string, Line[]> }
}

const folder = new URL('../histories/', import.meta.url)
const histories = readdirSync(folder).map(file => ({
  file,
  history: JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as History,
}))

describe.each(histories)('$file', ({ history }) => {
  it('folds to the state that was recorded', () => {
    expect(history.events.length).toBeGreaterThan(10)
    expect(fold(history.events)).toEqual(history.expected.state)
  })

  it('tells the story that was told', () => {
    for (const [release, story] of Object.entries(history.expected.stories)) {
      const told = tellAll(history.events, release)
      expect(told.map(({ seq, kind, text, candidatePpm }) => ({ seq, kind, text, candidatePpm }))).toEqual(story)
    }
  })
})
