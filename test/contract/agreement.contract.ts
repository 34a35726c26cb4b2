import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { runSteps, someSteps, withoutRuns } from './prediction-log-steps.ts'

/** A prediction log says what the one in memory says. `open` gives an empty one. */
export function agreementContract(
  name: string,
  open: (clock: Clock) => Promise<PredictionLog>,
  { histories }: { histories: number },
): void {
  test(`memory and ${name} agree on every receipt, join and correction of any history`, async () => {
    const clocks = [createManualClock(), createManualClock()] as const
    const memory = createMemoryPredictionLog({ clock: clocks[0] })
    const log = await open(clocks[1])
    onTestFinished(() => log.close())
    await fc.assert(
      fc.asyncProperty(someSteps({ labelsPerRow: 'any' }), async steps => {
        const expected = await runSteps(memory, clocks[0], steps)
        const actual = await runSteps(log, clocks[1], steps)
        expect(withoutRuns(actual)).toEqual(withoutRuns(expected))
      }),
      { numRuns: histories },
    )
  })
}
