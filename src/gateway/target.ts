import { lastOf } from '../core/last-of.ts'

/** The request target: path and query exactly as they came, neither decoded nor normalised. */
export type Target = {
  path: string
  /** With its question mark; empty if there is none. */
  query: string
}

const absoluteForm = /^https?:\/\/[^/?#]*/i

/** Null for a target that names no path, such as `*`. Proxies' absolute form is taken as its path (RFC 9112, 3.2.2). */
export const parseTarget = lastOf((url: string): Target | null => {
  const authority = url.startsWith('/') ? '' : (absoluteForm.exec(url)?.[0] ?? '')
  const rest = url.slice(authority.length)
  if (!rest.startsWith('/') && authority === '') return null
  const mark = rest.indexOf('?')
  const path = mark < 0 ? rest : rest.slice(0, mark)
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : rest.slice(mark) }
})

export function isOpenInference(path: string): boolean {
  return path === '/v2' || path.startsWith('/v2/')
}

export const ofrepPrefix = '/ofrep/v1/evaluate/flags'

export function isOfrep(path: string): boolean {
  return path.startsWith('/ofrep/')
}
