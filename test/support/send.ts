/** Asks an instance through its port, by promise and stream, which is how tests like to ask. */
import { Readable } from 'node:stream'
import type { BackendRequest, BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import { CutoverError } from '../../src/core/errors.ts'
import { fieldPairs, linesOf } from '../../src/core/http/field-lines.ts'
import type { AnswerSink, BackendCall, Instance, Sending } from '../../src/ports/backend.ts'

export function send(instance: Instance, request: BackendRequest): Promise<BackendResponse> {
  const left = () => new CutoverError('client-closed', 'the caller broke off the request')
  if (request.signal.aborted) return Promise.reject(left())
  return new Promise((resolve, reject) => {
    let sending: Sending | null = null
    const leave = () => {
      sending?.cancel()
      reject(left())
    }
    request.signal.addEventListener('abort', leave)
    const body = new Readable({
      read: () => sending?.resume(),
      destroy: (error, done) => {
        if (!ended) sending?.cancel()
        done(error)
      },
    })
    body.on('error', () => {})
    let begun = false
    let ended = false
    const sink: AnswerSink = {
      onHead: (status, fields, bytes) => {
        begun = true
        const length = bytes === null ? [] : ['content-length', String(bytes)]
        resolve({ status, headers: [...fieldPairs(fields), ...length], body })
      },
      onBody: chunk => {
        if (!body.push(Buffer.from(chunk))) sending?.pause()
      },
      onEnd: () => {
        ended = true
        body.push(null)
      },
      onFail: error => {
        ended = true
        if (begun) body.destroy(error)
        else reject(error)
      },
      onDrain: () => {
        if (request.body instanceof Readable) request.body.resume()
      },
    }
    sending = instance.dispatch(callOf(request), sink)
    if (request.body instanceof Readable) upload(request.body, sending, leave)
  })
}

function callOf({ method, path, headers, body, timeouts }: BackendRequest): BackendCall {
  const kept: string[] = []
  let bytes: number | null = null
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === 'content-length') bytes = Number(headers[at + 1])
    else kept.push(headers[at] ?? '', headers[at + 1] ?? '')
  }
  return { method, path, fields: linesOf(kept), body: body instanceof Readable ? { bytes } : body, timeouts }
}

/** A stream that fails was cut by its caller. */
function upload(body: Readable, sending: Sending, leave: () => void): void {
  body.on('data', chunk => {
    if (!sending.write(chunk)) body.pause()
  })
  body.on('end', () => sending.end())
  body.on('error', leave)
}
