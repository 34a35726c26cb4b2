/** API keys as callers see them: never with what proves them. */
import type { WireIssuedKey, WireKey } from '../contract/wire/key.ts'
import type { IssuedKey } from '../controller/keys.ts'
import type { ApiKey } from '../core/access/api-key.ts'
import type { ControlState } from '../core/state.ts'
import { isoTime } from './views.ts'

export function keyView(key: ApiKey): WireKey {
  const { id, name, role, endpoints, rate, concurrencyMax, createdAtMs, expiresAtMs, previous } = key
  return {
    id,
    name,
    role,
    endpoints: endpoints === null ? null : [...endpoints],
    rate,
    concurrency: concurrencyMax,
    createdAt: isoTime(createdAtMs),
    expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs),
    previousUntil: previous === undefined ? null : isoTime(previous.untilMs),
  }
}

export function issuedKeyView({ key, text }: IssuedKey, { endpoints }: Pick<ControlState, 'endpoints'>): WireIssuedKey {
  const unknownEndpoints = (key.endpoints ?? []).filter(name => !Object.hasOwn(endpoints, name))
  return { ...keyView(key), key: text, unknownEndpoints }
}
