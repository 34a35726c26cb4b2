/**
 * The door between the documents that people write and the domain: validated documents become core types, with units
 * converted and defaults filled in. What the documents may ask for but cannot have yet is refused here, by name.
 */
import { toProblems } from '../contract/problems.ts'
import { type Resource, resourceSchema } from '../contract/resources.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { assertNever, CutoverError } from '../core/errors.ts'
import type { FlagSpec, SegmentSpec } from '../core/flags/flag.ts'
import { compileEndpoint } from './compile-endpoint.ts'
import { compileFlag, compileSegment } from './compile-flag.ts'
import { compileRelease, type RequestedRelease } from './compile-release.ts'

export type CompiledResource =
  | { kind: 'Endpoint'; spec: EndpointSpec }
  | { kind: 'Release'; plan: RequestedRelease }
  | { kind: 'Flag'; spec: FlagSpec }
  | { kind: 'Segment'; spec: SegmentSpec }

/** Throws invalid-resource with a problem per fault, each with its path. */
export function validateResource(value: unknown): Resource {
  const result = resourceSchema.safeParse(value)
  if (result.success) return result.data
  const problems = toProblems(result.error, value)
  throw new CutoverError('invalid-resource', `${nameOf(value)} is not valid`, problems)
}

/** Throws invalid-resource for paths that mean nothing here. */
export function compileResource(resource: Resource): CompiledResource {
  switch (resource.kind) {
    case 'Endpoint':
      return { kind: 'Endpoint', spec: compileEndpoint(resource) }
    case 'Release':
      return { kind: 'Release', plan: compileRelease(resource) }
    case 'Flag':
      return { kind: 'Flag', spec: compileFlag(resource) }
    case 'Segment':
      return { kind: 'Segment', spec: compileSegment(resource) }
    default:
      return assertNever(resource)
  }
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the document'
  const { kind, name, endpoint, to } = value as Record<string, unknown>
  if (typeof name === 'string' && (kind === 'Endpoint' || kind === 'Flag' || kind === 'Segment'))
    return `${kind} ${name}`
  if (kind === 'Release' && typeof endpoint === 'string') return `Release of ${endpoint} to ${String(to)}`
  return 'the document'
}
