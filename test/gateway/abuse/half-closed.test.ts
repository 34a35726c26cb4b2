/** Callers that have sent all they want to and still read get their answer; those that are gone end the work of the model server. */
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BackendResponse } from '../../../src/adapters/deployer/by-promise.ts'
import { fleetsOf, instance, type Rig, startRig } from '../../support/gateway-rig.ts'
import { dial, readUntil } from '../../support/http-caller.ts'

type Asked = { path: string; signal: AbortSignal; answer(response: BackendResponse): void }

let rig: Rig
let asked: Asked[] = []

beforeEach(async () => {
  asked = []
  const server = instance(
    ({ path, signal }) => new Promise<BackendResponse>(resolve => asked.push({ path, signal, answer: resolve })),
  )
  rig = await startRig({ fleets: fleetsOf({ v1: server }) })
})
afterEach(() => rig.close())

const saying = (text: string): BackendResponse => ({ status: 200, headers: [], body: Buffer.from(text) })
const leaves = ({ signal }: Asked) =>
  new Promise<void>(resolve => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())))
const withoutInterim = (text: string) => text.replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '')

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 2))
}

async function nth(count: number): Promise<Asked> {
  await until(() => asked.length >= count)
  return asked[count - 1] as Asked
}

/** What only node:http reads has a field TE. */
describe.each([
  ['on sockets', ''],
  ['by all of HTTP', 'TE: x\r\n'],
])('%s', (_, field) => {
  const get = (path: string, version = '1.1') =>
    `GET /endpoints/digits/${path} HTTP/${version}\r\nHost: a\r\n${field}\r\n`

  async function halfClosed(bytes: string) {
    const socket = await dial(rig.port)
    socket.on('error', () => {})
    const text = readUntil(socket)
    socket.end(bytes)
    return { socket, text }
  }

  /** A caller that has had the first event of its answer. */
  async function endsAmidAnswer() {
    const socket = await dial(rig.port)
    const text = readUntil(socket)
    socket.write(get('a'))
    const body = new PassThrough()
    ;(await nth(1)).answer({ status: 200, headers: [], body })
    body.write('event 0;')
    socket.once('data', () => socket.end())
    return { text, body }
  }

  test('who has ended its side gets its answer, and the connection ends with it', async () => {
    const { text } = await halfClosed(get('a'))
    const one = await nth(1)
    await new Promise(resolve => setTimeout(resolve, 80))
    one.answer(saying('first'))
    const answer = withoutInterim(await text)
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*first(?:\r\n0\r\n\r\n)?$/)
    expect(answer).toMatch(/connection: close\r\n/i)
    expect(one.signal.aborted).toBe(false)
  })

  test('so does who has sent several requests, in order', async () => {
    const { text } = await halfClosed(get('a') + get('b') + get('c'))
    for (const [at, path] of ['/a', '/b', '/c'].entries()) {
      const one = await nth(at + 1)
      expect(one.path).toBe(path)
      one.answer(saying(`to ${path}`))
    }
    const answers = withoutInterim(await text)
    expect(answers.match(/HTTP\/1\.1 \d+|to \/\w/g)).toEqual(
      ['/a', '/b', '/c'].flatMap(p => ['HTTP/1.1 200', `to ${p}`]),
    )
  })

  test('a stream goes on to its end', async () => {
    const { text } = await halfClosed(get('a'))
    const body = new PassThrough()
    ;(await nth(1)).answer({ status: 200, headers: [], body })
    for (let event = 0; event < 5; event += 1) {
      body.write(`event ${event};`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    body.end()
    const answer = await text
    expect(answer.match(/event \d;/g)).toHaveLength(5)
    expect(answer).toMatch(/0\r\n\r\n$/)
  })

  test('who is gone ends the work of the model server before it has answered', async () => {
    const { socket } = await halfClosed(get('a'))
    const one = await nth(1)
    socket.destroy()
    await leaves(one)
    await until(() => rig.gateway.stats().inFlight[0]?.count === 0)
  })

  test('and in mid-stream, at its next events', async () => {
    const { socket } = await halfClosed(get('a'))
    const one = await nth(1)
    const body = new PassThrough()
    one.answer({ status: 200, headers: [], body })
    const beat = setInterval(() => body.write('event;'), 10)
    socket.once('data', () => socket.destroy())
    await until(() => rig.gateway.stats().inFlight[0]?.count === 0)
    clearInterval(beat)
    expect(body.destroyed).toBe(true)
  })

  test('who ends its side amid its answer has it to its end while it flows', async () => {
    const { text, body } = await endsAmidAnswer()
    for (let event = 1; event < 5; event += 1) {
      await new Promise(resolve => setTimeout(resolve, 300))
      body.write(`event ${event};`)
    }
    body.end()
    expect((await text).match(/event \d;/g)).toHaveLength(5)
  })

  test('and is taken for gone when nothing more is said', async () => {
    const { text, body } = await endsAmidAnswer()
    expect(await text).not.toMatch(/0\r\n\r\n$/)
    await until(() => body.destroyed)
  })

  test('half a request and an end is none', async () => {
    const { text } = await halfClosed(get('a').slice(0, -2))
    expect(await text).not.toContain('HTTP/1.1 200')
    expect(asked).toEqual([])
  })

  test('HTTP/1.0 knows nothing that could be asked: there an end is a leaving', async () => {
    await halfClosed(get('a', '1.0'))
    await leaves(await nth(1))
  })
})

test('what is handed on to node:http when its turn comes is answered too', async () => {
  const socket = await dial(rig.port)
  const text = readUntil(socket)
  const get = (path: string, field: string) => `GET /endpoints/digits/${path} HTTP/1.1\r\nHost: a\r\n${field}\r\n`
  socket.end(get('a', '') + get('b', 'TE: x\r\n'))
  for (const at of [1, 2]) (await nth(at)).answer(saying(`answer ${at}`))
  expect((await text).match(/answer \d/g)).toEqual(['answer 1', 'answer 2'])
})
