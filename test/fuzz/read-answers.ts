/** The answers of one connection, as a caller reads them that does not know what was asked: by their framing alone. */

export type Answered = { status: number; closes: boolean; body: string; isWhole: boolean }

/** In words what is no answer. Interim answers are left out. */
export function answersIn(text: string): Answered[] | string {
  const answers: Answered[] = []
  for (let at = 0; at < text.length; ) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    const head = text.slice(at, headEnd)
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]
    if (headEnd < 0 || status === undefined) return `no answer begins here: ${JSON.stringify(text.slice(at, at + 200))}`
    at = headEnd + 4
    if (status.startsWith('1')) continue
    const read = bodyAt(text, at, head)
    if (typeof read === 'string') return read
    at = read.end
    answers.push({
      status: Number(status),
      closes: /\r\nconnection: close/i.test(head),
      body: read.body,
      isWhole: read.isWhole,
    })
  }
  return answers
}

type Read = { body: string; end: number; isWhole: boolean }

function bodyAt(text: string, at: number, head: string): Read | string {
  // No body of ours begins so: what does follows an answer to HEAD, or one without a body.
  if (text.startsWith('HTTP/1.1 ', at) || at === text.length) return { body: '', end: at, isWhole: true }
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = Math.min(text.length, at + Number(length))
    return { body: text.slice(at, end), end, isWhole: end === at + Number(length) }
  }
  if (/\r\ntransfer-encoding: chunked/i.test(head)) return chunksAt(text, at)
  return { body: text.slice(at), end: text.length, isWhole: true }
}

function chunksAt(text: string, start: number): Read | string {
  let body = ''
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return { body, end: text.length, isWhole: false }
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (Number.isNaN(size)) return `no chunk begins here: ${JSON.stringify(text.slice(at, at + 100))}`
    at = lineEnd + 2 + size + 2
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    if (size === 0) return { body, end: at, isWhole: true }
    if (at > text.length) return { body, end: text.length, isWhole: false }
  }
}
