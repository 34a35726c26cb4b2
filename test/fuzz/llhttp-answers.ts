/** Node's own parser of answers, as a second opinion on ours. */
import { createRequire } from 'node:module'
import type { Heard } from './hear-answer.ts'

type Parser = {
  initialize(type: number, resource: object): void
  execute(bytes: Buffer): number | Error
  finish(): number | Error | undefined
  /** Gives its memory back. */
  close(): void
  [callback: number]: unknown
}
type ParserClass = (new () => Parser) & {
  RESPONSE: number
  kOnHeaders: number
  kOnHeadersComplete: number
  kOnBody: number
  kOnMessageComplete: number
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: ParserClass }

/** Returned by the callback of a head: there is no body. */
const skipBody = 1

/** What llhttp makes of the same bytes: the first answer that is not an interim one. */
export function hearLlhttp(bytes: Buffer, method: string): Heard {
  let status = 0
  let early: string[] = []
  let fields: string[] = []
  let body = ''
  let isComplete = false
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.RESPONSE, {})
  // Heads with many fields come in parts, and so do trailers.
  parser[HTTPParser.kOnHeaders] = (part: string[]) => {
    if (status < 200) early = [...early, ...part]
  }
  parser[HTTPParser.kOnHeadersComplete] = (...head: unknown[]) => {
    if (isComplete) return skipBody
    fields = [...early, ...((head[2] as string[] | undefined) ?? [])]
    early = []
    status = head[5] as number
    return method === 'HEAD' ? skipBody : 0
  }
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    if (!isComplete) body += chunk.toString('latin1')
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (status >= 200) isComplete = true
    else status = 0
  }
  const failed = parser.execute(bytes) instanceof Error || (!isComplete && parser.finish() instanceof Error)
  parser.close()
  const end = isComplete ? 'complete' : failed ? 'refused' : 'cut'
  return { status, fields: lines(fields), body, end, used: bytes.length }
}

function lines(list: readonly string[]): string[] {
  return list.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${list[at + 1]}`] : []))
}
