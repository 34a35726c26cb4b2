/** The `parameters` of requests, tensors and outputs: flat, and ignored unless they have a meaning here. */
import { ClientFault, quote } from './client-fault.ts'

export type Parameters = ReadonlyMap<string, string | number | bigint | boolean>

const none: Parameters = new Map()

/** `owner` says whose they are, for errors. */
export function readParameters(value: unknown, owner: string): Parameters {
  if (value === undefined) return none
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ClientFault(`the parameters of ${owner} must be an object, not ${quote(value)}`)
  }
  const read = new Map<string, string | number | bigint | boolean>()
  for (const [name, one] of Object.entries(value)) {
    if (!isPlain(one)) {
      throw new ClientFault(
        `parameter ${quote(name)} of ${owner} must be a string, a number or a boolean, not ${quote(one)}`,
      )
    }
    if (unsupported.has(name)) throw new ClientFault(`parameter ${quote(name)} of ${owner} is not supported`)
    read.set(name, one)
  }
  return read
}

export function flag(parameters: Parameters, name: string, owner: string): boolean | undefined {
  const value = parameters.get(name)
  if (value === undefined || typeof value === 'boolean') return value
  throw new ClientFault(`parameter "${name}" of ${owner} must be true or false, not ${quote(value)}`)
}

/** They ask for something else than a tensor in the body: without them the answer would be another one. */
const unsupported: ReadonlySet<string> = new Set(['shared_memory_region', 'classification'])

function isPlain(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}
