/** Statements of the stores as PostgreSQL takes them. */

/**
 * Numbers the placeholders, and leaves out what only tells SQLite's planner how to go about it. No statement of the stores has
 * a question mark in a text of its own.
 */
export function forPostgres(sql: string): string {
  let count = 0
  return sql
    .replace(/ INDEXED BY \w+| NOT INDEXED/g, '')
    .replace(/\bCROSS JOIN\b/g, 'JOIN')
    .replace(/\?(\d*)/g, (_, number: string) => `$${number === '' ? ++count : number}`)
}

/** No text of PostgreSQL holds the character 0, which ids and units of callers may. */
const mark = '\uE000'

export function toText(text: string): string {
  return /[\0\uE000]/.test(text) ? text.replaceAll(mark, `${mark}e`).replaceAll('\0', `${mark}0`) : text
}

export function fromText(text: string): string {
  return text.includes(mark) ? text.replaceAll(`${mark}0`, '\0').replaceAll(`${mark}e`, mark) : text
}

/** Texts as the literal of an array: each in quotes, so that none of them means anything. Still to be made a `toText`. */
export function arrayLiteral(texts: readonly string[]): string {
  return `{${texts.map(text => `"${text.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`
}
