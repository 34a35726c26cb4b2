/** What came of asking for a flag, in the words of OpenFeature. */
import type { Json } from './flag.ts'

export const flagReasons = ['STATIC', 'DEFAULT', 'TARGETING_MATCH', 'SPLIT', 'DISABLED', 'ERROR'] as const
export type FlagReason = (typeof flagReasons)[number]

export const flagErrors = [
  'FLAG_NOT_FOUND',
  'PARSE_ERROR',
  'TARGETING_KEY_MISSING',
  'INVALID_CONTEXT',
  'GENERAL',
] as const
export type FlagError = (typeof flagErrors)[number]

/** What is known of whoever asks: `targetingKey` names the unit, the rest are attributes. Anything may be in it. */
export type Context = Readonly<Record<string, unknown>>

export type Evaluation = {
  /** Undefined where the caller is to use the value in its code. */
  value: Json | undefined
  variant: string | null
  reason: FlagReason
  errorCode: FlagError | null
  /** Why there is an error; empty without one. */
  detail: string
  /** What decided: `default`, `rule NAME`, `targeting`, `off`, `requires NAME`; for explanations. */
  by: string
}

export function served(variant: string, value: Json, reason: FlagReason, by: string): Evaluation {
  return Object.freeze({ value, variant, reason, errorCode: null, detail: '', by })
}

/** The caller uses its own value. */
export function codeDefault(reason: FlagReason, by: string): Evaluation {
  return Object.freeze({ value: undefined, variant: null, reason, errorCode: null, detail: '', by })
}

export function failed(errorCode: FlagError, detail: string, by: string): Evaluation {
  return Object.freeze({ value: undefined, variant: null, reason: 'ERROR', errorCode, detail, by })
}
