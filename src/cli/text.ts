/** Text for people: tables, blocks, colours. */

/** Names, notes and reasons come from elsewhere; nothing in them may steer the terminal or turn its words round. */
export function printable(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/\p{Cc}|\p{Bidi_Control}/gu, '')
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map(row => row.map(cell => printable(cell)))
  const widths = head.map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)))
  return cells
    .map(
      row =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** `key: value` lines, nested by indentation. */
export function block(value: Readonly<Record<string, unknown>>, indent = ''): string {
  return Object.entries(value)
    .map(([key, inner]) => entry(`${indent}${printable(key)}:`, inner, `${indent}  `))
    .join('')
}

function entry(label: string, value: unknown, indent: string): string {
  if (value === null || value === undefined) return `${label} -\n`
  if (Array.isArray(value)) return `${label}${list(value, indent)}`
  if (typeof value !== 'object') return `${label} ${printable(String(value))}\n`
  const keys = Object.keys(value)
  return keys.length === 0 ? `${label} -\n` : `${label}\n${block(value as Record<string, unknown>, indent)}`
}

function list(values: readonly unknown[], indent: string): string {
  if (values.length === 0) return ' -\n'
  if (values.every(value => typeof value !== 'object')) return ` ${printable(values.join(', '))}\n`
  return `\n${values.map(value => `${indent}- ${entry('', value, `${indent}  `).trimStart()}`).join('')}`
}

export type Colour = 'red' | 'green' | 'yellow' | 'dim'
const codes: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2 }

export type Paint = (colour: Colour | null, text: string) => string

/** Colours only where a person looks, and not if they asked for none (https://no-color.org). */
export function painter(
  sink: { isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const isOn = sink.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  return (colour, text) => (isOn && colour !== null ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text)
}
