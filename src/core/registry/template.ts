/** From what a registry offers to a version that can run: names and placeholders. */
import { murmur3 } from '../assign.ts'
import type { Backend, Provider, VersionSpec } from '../endpoint.ts'
import { limits } from '../limits.ts'
import type { ReleasePlan } from '../plan.ts'
import { candidateWord, type Found, type Registry, registryName } from './registry.ts'

/** A found version with the place of its files; null where the template does not ask for that. */
export type Placed = Found & { path: string | null }

type Filled = { version: VersionSpec } | { problem: string }

/** `{version}`, `{tags.host}`: words that look otherwise, such as `{port}`, are left for others. */
const placeholder = /\{(version|model|path|uri|tags\.[A-Za-z0-9._-]+)\}/g

export function asksForPath({ template }: Registry): boolean {
  return textsOf(template.backend).some(text => text.includes('{path}'))
}

/**
 * The same for the same version of the same registry, and different for different ones: a character that no name may have
 * becomes a dash, and then, as in a name that is too long, a checksum of the whole keeps it apart from its likes.
 */
export function versionName({ name }: Registry, found: Found, endpoint: string): string {
  const full = name.replaceAll('{model}', found.model ?? endpoint).replaceAll('{version}', found.version)
  const plain = full.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
  if (plain === full && plain !== '' && plain.length <= limits.nameLengthMax) return plain
  const checksum = murmur3(new TextEncoder().encode(full), 0).toString(16).padStart(8, '0')
  return `${plain.slice(0, limits.nameLengthMax - checksum.length - 1)}-${checksum}`.replace(/^-/, '')
}

/** The version as the template says, or what keeps it from being one. */
export function versionFrom(registry: Registry, found: Placed, name: string): Filled {
  const { backend, instances } = registry.template
  const missing = textsOf(backend).flatMap(text => missingIn(text, found))
  if (missing[0] !== undefined) return { problem: `version ${found.version} has no ${missing.join(', ')}` }
  const filled = fillBackend(backend, text => fill(text, found))
  const problem = addressProblem(filled)
  if (problem !== null) return { problem: `version ${found.version}: ${problem}` }
  const origin = { registry: registryName(registry.source), version: found.version }
  return { version: { name, backend: filled, instances, origin } }
}

/** The plan with the found version as its candidate. */
export function planFor(
  { plan }: Registry,
  { endpoint, version }: { endpoint: string; version: string },
): Omit<ReleasePlan, 'from' | 'planVersion'> {
  return { ...withCandidate(plan, version), endpoint, to: version }
}

function withCandidate<Value>(value: Value, version: string): Value {
  if (value === candidateWord) return version as Value
  if (Array.isArray(value)) return value.map(item => withCandidate(item, version)) as Value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withCandidate(item, version)])) as Value
}

/** Every text of a backend that may have placeholders. What names a secret has none. */
function textsOf(backend: Backend): string[] {
  const texts: string[] = []
  fillBackend(backend, text => {
    texts.push(text)
    return text
  })
  return texts
}

function fillBackend(backend: Backend, put: (text: string) => string): Backend {
  switch (backend.kind) {
    case 'onnx':
      return { ...backend, path: put(backend.path) }
    case 'command': {
      const env = Object.fromEntries(Object.entries(backend.env).map(([key, value]) => [key, put(value)]))
      return { ...backend, argv: backend.argv.map(put), cwd: put(backend.cwd), env, ...fillProvider(backend, put) }
    }
    case 'url':
      return { ...backend, addresses: backend.addresses.map(put), ...fillProvider(backend, put) }
    default:
      return backend satisfies never
  }
}

function fillProvider({ provider }: { provider?: Provider }, put: (text: string) => string): { provider?: Provider } {
  if (provider === undefined) return {}
  return { provider: { ...provider, model: provider.model === null ? null : put(provider.model) } }
}

function fill(text: string, found: Placed): string {
  return text.replace(placeholder, (all, key: string) => valueIn(key, found) ?? all)
}

function missingIn(text: string, found: Placed): string[] {
  return [...text.matchAll(placeholder)].flatMap(([, key = '']) => (valueIn(key, found) === null ? [wordFor(key)] : []))
}

function wordFor(key: string): string {
  return key.startsWith('tags.') ? `tag ${key.slice('tags.'.length)}` : key
}

function valueIn(key: string, found: Placed): string | null {
  if (key === 'version' || key === 'model' || key === 'path' || key === 'uri') return found[key]
  const tag = key.slice('tags.'.length)
  return Object.hasOwn(found.tags, tag) ? (found.tags[tag] ?? null) : null
}

/** Values come from outside: with them an address must still be one. */
function addressProblem(backend: Backend): string | null {
  const wrong = backend.kind === 'url' ? backend.addresses.find(address => !baseAddress.test(address)) : undefined
  return wrong === undefined ? null : `${JSON.stringify(wrong)} is not a base address such as http://host:port`
}

const baseAddress = /^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[^\s?#]*)?$/
