/** What registries say is read with care: text of bounded length, and tags of text. */
import { limits } from '../../core/limits.ts'

type Plain = Readonly<Record<string, unknown>>

export function parseObject(text: string, where: string): Plain {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error(`${where} does not answer JSON`)
  }
  if (!isPlain(value)) throw new Error(`${where} does not answer a JSON object`)
  return value
}

export function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Null where there is none; throws where it is something else, or too long. */
export function textAt(object: Plain, key: string, where: string): string | null {
  const value = object[key]
  if (value === undefined || value === null || value === '') return null
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') throw new Error(`${where}: ${key} is not text`)
  if (text.length > limits.registryTextMax)
    throw new Error(`${where}: ${key} is longer than ${limits.registryTextMax} characters`)
  return text
}

/** Those that are short texts or numbers; a tag may well hold a page, which no template needs. */
export function shortTags(entries: readonly (readonly [string, unknown])[]): Record<string, string> {
  const tags: Record<string, string> = Object.create(null)
  for (const [key, value] of entries) {
    if (typeof value !== 'string' && typeof value !== 'number') continue
    if (String(value).length <= limits.registryTextMax) tags[key] = String(value)
  }
  return { ...tags }
}
