/** Why a version does not answer a request that was assigned to it, in words for its caller. */
import { publicName } from '../core/control-fleet.ts'
import { CutoverError, type ErrorCode } from '../core/errors.ts'
import type { Choice } from './choose.ts'

export function crowded({ version, route }: Choice, why: string, code: ErrorCode = 'overloaded'): CutoverError {
  const { name, concurrency } = route.spec
  const at = `version ${publicName(version)} of endpoint ${name} serves ${concurrency?.perVersionMax} requests at once`
  return new CutoverError(code, `${at}, and ${why}`)
}

/** `isLetThrough`: no breaker keeps calls from the version. */
export function nothingReady({ route, assigned, pinned }: Choice, isLetThrough: boolean): CutoverError {
  const { name } = route.spec
  const others =
    pinned || assigned === route.table.stable ? '' : `, nor has the stable version ${route.table.stable} a ready one`
  const why = isLetThrough ? 'has no ready instance' : 'gets no calls while its breaker is open: too many have failed'
  const detail = `version ${publicName(assigned)} of endpoint ${name} ${why}${others}`
  return new CutoverError('not-ready', detail)
}

export function noLongerReady({ version, route }: Choice): CutoverError {
  const at = `version ${publicName(version)} of endpoint ${route.spec.name}`
  return new CutoverError('not-ready', `${at} had a ready instance when the request came, and none when its turn came`)
}
