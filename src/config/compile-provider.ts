/** What a version in OpenAI's style is spoken to with: its model, its prices, and the fields that the gateway adds. */
import type { EndpointResource } from '../contract/resources.ts'
import type { AddedHeader, Backend, Provider } from '../core/endpoint.ts'
import type { Price } from '../core/measures.ts'
import { pricePerToken } from './quantities.ts'

type VersionResource = EndpointResource['versions'][string]

/** Nothing for endpoints of other protocols. */
export function compileProvider(version: VersionResource, protocol: EndpointResource['protocol']) {
  if (protocol !== 'openai') return {}
  const { model = null, price } = version
  const provider: Provider = {
    model,
    price: price === undefined ? null : compilePrice(price),
    asksForUsage: version['stream-usage'] ?? true,
  }
  return { provider }
}

function compilePrice(price: NonNullable<VersionResource['price']>): Price {
  const cached = price['cached-input']
  return {
    inputPerToken: pricePerToken(price.input),
    outputPerToken: pricePerToken(price.output),
    ...(cached !== undefined && { cachedInputPerToken: pricePerToken(cached) }),
  }
}

type Headers = NonNullable<Extract<Backend, { kind: 'url' }>['headers']>

export function compileHeaders({ headers }: VersionResource): { headers?: Headers } {
  if (headers === undefined || Object.keys(headers).length === 0) return {}
  const compiled = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), compileHeader(value)] as const)
  return { headers: Object.fromEntries(compiled) }
}

function compileHeader(value: NonNullable<VersionResource['headers']>[string]): AddedHeader {
  if (typeof value === 'string') return { from: 'text', text: value }
  const { env, file, prefix } = value
  if (env !== undefined) return { from: 'env', name: env, prefix }
  if (file === undefined) throw new Error('a secret without a source passed the contract')
  return { from: 'file', path: file, prefix }
}
