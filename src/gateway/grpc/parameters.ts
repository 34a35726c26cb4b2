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
      if (Number.isFinite(value.double_param)) return String(value.double_param)
      throw badParameter(name, `is ${value.double_param}, which has no JSON form`)
    default:
      throw badParameter(name, 'has no value')
  }
}

function badParameter(name: string, problem: string): CutoverError {
  return new CutoverError('invalid-request', `parameter ${JSON.stringify(name.slice(0, 100))} ${problem}`)
}

/** Of a parsed JSON object; what is no text, number or boolean has no form here and is left out. */
export function parametersMessage(json: unknown): ParametersMessage {
  if (typeof json !== 'object' || json === null) return {}
  const entries: [string, ParameterMessage][] = []
  for (const [name, value] of Object.entries(json)) {
    const message = ofBodies.has(name) ? null : valueMessage(value)
    if (message !== null) entries.push([name, message])
  }
  return Object.fromEntries(entries)
}

function valueMessage(value: unknown): ParameterMessage | null {
  if (typeof value === 'boolean') return { bool_param: value }
  if (typeof value === 'string') return { string_param: value }
  if (typeof value !== 'number') return null
  return Number.isSafeInteger(value) ? { int64_param: String(value) } : { double_param: value }
}
