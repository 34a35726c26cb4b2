/** Parameters as gRPC has them and as JSON has them. Those that shape a body of the other protocol are not carried over. */
import { CutoverError } from '../../core/errors.ts'
import type { ParameterMessage, ParametersMessage } from './messages.ts'

/** They say how tensors stand in an HTTP body, which is for the gateway to say. */
const ofBodies: ReadonlySet<string> = new Set(['binary_data_size', 'binary_data', 'binary_data_output'])

/** As members of a JSON object, `extra` ones after them; empty for none. Throws invalid-request. */
export function parametersJson(parameters: ParametersMessage, extra: readonly string[] = []): string {
  const members = Object.entries(parameters)
    .filter(([name]) => !ofBodies.has(name))
    .map(([name, value]) => `${JSON.stringify(name)}:${valueJson(name, value)}`)
  const all = [...members, ...extra]
  return all.length === 0 ? '' : `"parameters":{${all.join(',')}}`
}

/** Integers keep all of their digits. */
function valueJson(name: string, value: ParameterMessage): string {
  switch (value.parameter_choice) {
    case 'bool_param':
      return String(value.bool_param)
    case 'int64_param':
      return String(value.int64_param)
    case 'uint64_param':
      return String(value.uint64_param)
    case 'string_param':
      return JSON.stringify(value.string_param)
    case 'double_param':
      if (isFiniteNumber(value.double_param)) return doubleText(value.double_param)
      throw badParameter(name, `is ${value.double_param}, which has no JSON form`)
    default:
      throw badParameter(name, 'has no value')
  }
}

function badParameter(name: string, problem: string): CutoverError {
  return new CutoverError('invalid-request', `parameter ${JSON.stringify(name.slice(0, 100))} ${problem}`)
}

function isFiniteNumber(value: number | undefined): value is number {
  return Number.isFinite(value)
}

/** With a point where it is whole: without one a model server would take it for an integer. */
function doubleText(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/**
 * Of a parsed JSON object; what is no text, number or boolean has no form here and is left out. `exact` is the same object
 * with whole numbers that a double may not hold as texts.
 */
export function parametersMessage(json: unknown, exact: unknown = json): ParametersMessage {
  const entries: [string, ParameterMessage][] = []
  for (const [name, value] of entriesOf(json)) {
    const message = ofBodies.has(name) ? null : valueMessage(value, (exact as Record<string, unknown>)[name])
    if (message !== null) entries.push([name, message])
  }
  return Object.fromEntries(entries)
}

/** Whether one of them is a whole number that a double may not hold. */
export function holdsLong(json: unknown): boolean {
  return entriesOf(json).some(([, value]) => Number.isInteger(value) && !Number.isSafeInteger(value))
}

function entriesOf(json: unknown): [string, unknown][] {
  return typeof json === 'object' && json !== null ? Object.entries(json) : []
}

function valueMessage(value: unknown, exact: unknown): ParameterMessage | null {
  if (typeof value === 'boolean') return { bool_param: value }
  if (typeof value === 'string') return { string_param: value }
  if (typeof value !== 'number') return null
  if (Number.isSafeInteger(value)) return { int64_param: String(value) }
  return (typeof exact === 'string' ? longMessage(exact) : null) ?? { double_param: value }
}

/** Null for what has more than 64 bits. */
function longMessage(digits: string): ParameterMessage | null {
  const value = BigInt(digits)
  if (BigInt.asIntN(64, value) === value) return { int64_param: digits }
  return BigInt.asUintN(64, value) === value ? { uint64_param: digits } : null
}
