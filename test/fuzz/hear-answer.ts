import { AnswerReader } from '../../src/core/http/answer-reader.ts'
import { refused } from '../../src/core/http/chars.ts'

export type Heard = {
  status: number
  /** `name: value`, white space around the value left out. */
  fields: string[]
  body: string
  /** `cut`: the server closed in the middle. */
  end: 'complete' | 'cut' | 'refused'
  /** Bytes that belong to the answer. */
  used: number
}

/** What our reader makes of bytes that come in portions, the server closing after the last one. */
export function hear(bytes: Buffer, method: string, cuts: readonly number[] = []): Heard {
  const heard: Heard = { status: 0, fields: [], body: '', end: 'cut', used: 0 }
  let lastWas = false
  const reader = new AnswerReader({
    head: head => {
      heard.status = head.status
      heard.fields = head.fields.split('\r\n').slice(0, -1).map(tidy)
    },
    body: (chunk, isLast) => {
      if (lastWas) throw new Error('a portion after the last one')
      lastWas = isLast
      heard.body += chunk.toString('latin1')
    },
  })
  reader.begin(method)
  for (const { start, end } of portions(bytes.length, cuts)) {
    // A buffer of its own, with other bytes around, as the shared read buffer of sockets has.
    const portion = Buffer.concat([Buffer.from('\r\n\r\n0'), bytes.subarray(start, end), Buffer.from('\r\n\r\n')])
    const after = reader.read(portion, 5, 5 + end - start)
    if (after === refused) return { ...heard, end: 'refused', used: end }
    heard.used = start + after - 5
    if (reader.isDone) break
  }
  if (reader.isDone || reader.endsByClose()) heard.end = 'complete'
  if (lastWas && heard.end !== 'complete') throw new Error('a last portion of an answer that goes on')
  return heard
}

function portions(length: number, cuts: readonly number[]): { start: number; end: number }[] {
  const inside = [...new Set(cuts)].filter(cut => cut > 0 && cut < length).toSorted((a, b) => a - b)
  const edges = [0, ...inside, length]
  return edges.slice(1).map((end, at) => ({ start: edges[at] ?? 0, end }))
}

function tidy(line: string): string {
  const colon = line.indexOf(':')
  return `${line.slice(0, colon)}: ${line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')}`
}
