/** The keys that there are: a fold of the events that made, turned and ended them. */
import type { ControlEvent } from '../event.ts'
import type { ControlState } from '../state.ts'
import type { ApiKey, Keys } from './api-key.ts'

type KeyEvent = Extract<ControlEvent, { type: 'key-created' | 'key-rotated' | 'key-revoked' }>

export function keysOf({ keys = {} }: Pick<ControlState, 'keys'>): Keys {
  return keys
}

/** By id, or by name. */
export function findKey(keys: Keys, idOrName: string): ApiKey | undefined {
  if (Object.hasOwn(keys, idOrName)) return keys[idOrName]
  return Object.values(keys).find(({ name }) => name === idOrName)
}

/** The same state where the event is about a key that is not there. */
export function keyChanged(state: ControlState, event: KeyEvent, atMs: number): ControlState {
  if (event.type === 'key-created')
    return { ...state, keys: { ...keysOf(state), [event.key.id]: { ...event.key, createdAtMs: atMs } } }
  const known = keysOf(state)[event.id]
  if (known === undefined) return state
  const { [event.id]: _, ...others } = keysOf(state)
  if (event.type === 'key-revoked') return { ...state, keys: others }
  return { ...state, keys: { ...keysOf(state), [event.id]: rotated(known, event, atMs) } }
}

function rotated(
  { previous: _, ...key }: ApiKey,
  { hash, keepMs }: Extract<KeyEvent, { type: 'key-rotated' }>,
  atMs: number,
): ApiKey {
  return { ...key, hash, ...(keepMs > 0 && { previous: { hash: key.hash, untilMs: atMs + keepMs } }) }
}
