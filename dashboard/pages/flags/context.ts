/** The context that a flag is tried with: written as JSON, or as pairs of a name and a value. */

export type Pair = { name: string; value: string }
export type ReadContext = { context: Record<string, unknown>; fault: null } | { context: null; fault: string }

/** Throws nothing: what is no JSON, or no object, is a fault in words. */
export function contextOfJson(text: string): ReadContext {
  if (text.trim() === '') return { context: {}, fault: null }
  try {
    const read: unknown = JSON.parse(text)
    if (typeof read === 'object' && read !== null && !Array.isArray(read))
      return { context: read as Record<string, unknown>, fault: null }
    return { context: null, fault: 'is JSON, but not an object of attributes such as {"targetingKey": "ann"}' }
  } catch (error) {
    return { context: null, fault: `is not JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** A value that is JSON is taken as such, as `cutover flags evaluate --attribute` does; pairs without a name are left out. */
export function contextOfPairs(pairs: readonly Pair[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs
      .filter(({ name }) => name.trim() !== '')
      .map(({ name, value }) => [name.trim(), readValue(name.trim(), value)]),
  )
}

/** The targeting key is a text for the protocol, also where it looks like a number. */
function readValue(name: string, text: string): unknown {
  if (name === 'targetingKey') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The same context in the other way of writing. */
export function pairsOf(context: Readonly<Record<string, unknown>>): Pair[] {
  return Object.entries(context).map(([name, value]) => ({ name, value: textOf(name, value) }))
}

/** Text that would be read as something else keeps its quotes. */
function textOf(name: string, value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  if (name === 'targetingKey') return value
  try {
    JSON.parse(value)
    return JSON.stringify(value)
  } catch {
    return value
  }
}
