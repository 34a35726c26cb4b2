import type { Readable } from 'node:stream'
import { limits } from '../../../core/limits.ts'

/** A longer line is cut into pieces of this many characters. */
const lineCharactersMax = 4_000
/** How many of the last lines a reason quotes, and how much of each. */
const quotedLines = 4
const quotedCharacters = 300

/** The output of a command: each line is passed on, and the last ones are kept to explain a failure. */
export class Output {
  readonly #lines: string[] = []
  readonly #onLine: (line: string) => void

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  read(stream: Readable): void {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#add(line)
      if (rest.length < lineCharactersMax) return
      this.#add(rest)
      rest = ''
    })
    stream.on('end', () => this.#add(rest))
    stream.on('error', () => {})
  }

  /** The end of a sentence that says what the command wrote last. */
  quoteLast(): string {
    const last = this.#lines.slice(-quotedLines).map(line => line.slice(0, quotedCharacters))
    return last.length === 0 ? 'it wrote nothing' : `its last words: ${last.join(' | ')}`
  }

  #add(text: string): void {
    for (let from = 0; from < text.length; from += lineCharactersMax) {
      const line = text.slice(from, from + lineCharactersMax).trimEnd()
      if (line === '') continue
      this.#lines.push(line)
      if (this.#lines.length > limits.commandLogLines) this.#lines.shift()
      this.#onLine(line)
    }
  }
}
