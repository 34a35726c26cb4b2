/** Reads the predicted value from the bytes of an answer. Never throws: what cannot be read is null. */
import type { AnswerRule, Protocol } from './endpoint.ts'
import type { Label } from './prediction.ts'

export type AnswerSource = { body: Uint8Array; contentType: string; rule: AnswerRule; protocol: Protocol }

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** One label per row of the request; null if the answer holds none where the rule looks. */
export function readAnswer(source: AnswerSource): readonly Label[] | null {
  if (!/^application\/(.+\+)?json\b/i.test(source.contentType)) return null
  const document = parseExact(source.body)
  const { rule } = source
  if (source.protocol === 'http') return fromValue(atPointer(document, rule.output), rule.read)
  const tensor = tensorNamed(document, rule.output)
  return tensor === null ? null : fromTensor(tensor, rule.read)
}

/** Whole numbers that a double cannot hold stay exact, as strings. */
function parseExact(body: Uint8Array): unknown {
  try {
    const text = utf8.decode(body)
    return /\d{16}/.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text)
  } catch {
    return undefined
  }
}

function keepExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  return typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
    ? source
    : value
}

type Tensor = { shape: readonly number[]; data: readonly unknown[] }

function tensorNamed(document: unknown, name: string): Tensor | null {
  const outputs = field(document, 'outputs')
  if (!Array.isArray(outputs)) return null
  const output: unknown = outputs.find(one => field(one, 'name') === name)
  const shape = field(output, 'shape')
  const data = field(output, 'data')
  if (!Array.isArray(shape) || !Array.isArray(data) || !shape.every(size => Number.isInteger(size) && size >= 0))
    return null
  return { shape, data: data.flat(Number.POSITIVE_INFINITY) }
}

function fromTensor({ shape, data }: Tensor, read: AnswerRule['read']): readonly Label[] | null {
  const rows = shape[0] ?? 1
  if (rows === 0 || data.length % rows !== 0) return null
  const width = data.length / rows
  return eachRow(rows, row => {
    const cells = data.slice(row * width, (row + 1) * width)
    if (read === 'argmax') return argmax(cells)
    return cells.length === 1 ? asLabel(cells[0]) : null
  })
}

function fromValue(value: unknown, read: AnswerRule['read']): readonly Label[] | null {
  if (read === 'argmax') {
    if (!Array.isArray(value)) return null
    const rows: readonly unknown[] = Array.isArray(value[0]) ? value : [value]
    return eachRow(rows.length, row => argmax(rows[row]))
  }
  if (Array.isArray(value)) return eachRow(value.length, row => asLabel(value[row]))
  const label = asLabel(value)
  return label === null ? null : [label]
}

function eachRow(rows: number, read: (row: number) => Label | null): readonly Label[] | null {
  const labels: Label[] = []
  for (let row = 0; row < rows; row++) {
    const label = read(row)
    if (label === null) return null
    labels.push(label)
  }
  return labels.length === 0 ? null : labels
}

/** The index of the greatest number; the lowest index among equals. */
function argmax(cells: unknown): number | null {
  if (!Array.isArray(cells) || cells.length === 0) return null
  let best = 0
  for (let index = 0; index < cells.length; index++) {
    const cell: unknown = cells[index]
    if (typeof cell !== 'number') return null
    if (cell > cells[best]) best = index
  }
  return best
}

function asLabel(value: unknown): Label | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

/** The value at a JSON pointer (RFC 6901); undefined if there is none. */
export function atPointer(document: unknown, pointer: string): unknown {
  if (pointer === '') return document
  let value = document
  for (const part of pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}
