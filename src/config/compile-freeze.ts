/** Freeze windows as the core counts them: minutes from midnight. */
import type { FreezeResource } from '../contract/freeze.ts'
import { CutoverError } from '../core/errors.ts'
import { type FreezeWindow, freezeText, neverThaws } from '../core/freeze.ts'

export function compileFreeze(windows: readonly FreezeResource[]): FreezeWindow[] {
  const compiled = windows.map(compileWindow)
  if (!neverThaws(compiled)) return compiled
  throw new CutoverError('invalid-resource', 'the release could never go forward', [
    {
      path: 'freeze',
      message: 'the windows leave no minute of the week free',
      value: compiled.map(freezeText),
      allowed: ['windows with some time between them'],
    },
  ])
}

export function compileWindow({ days, from, to, zone }: FreezeResource): FreezeWindow {
  return {
    ...(days !== undefined && { days }),
    ...(from !== undefined && to !== undefined && { fromMinute: minuteOf(from), toMinute: minuteOf(to) }),
    zone,
  }
}

/** `22:30` is 1,350. */
function minuteOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}
