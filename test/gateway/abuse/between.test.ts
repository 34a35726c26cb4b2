/** What is sent ahead of an answer that is under way never gets into it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BackendResponse } from '../../../src/adapters/deployer/by-promise.ts'
import { fleetsOf, instance, type Rig, startRig } from '../../support/gateway-rig.ts'
import { dial, readUntil } from '../../support/http-caller.ts'

let rig: Rig
let asked: string[] = []
let answers: ((response: BackendResponse) => void)[] = []
const server = instance(({ path }) => {
  asked.push(path)
  return new Promise<BackendResponse>(resolve => answers.push(resolve))
})

beforeAll(async () => {
  rig = await startRig({ fleets: fleetsOf({ v1: server }) })
})
beforeEach(() => {
  asked = []
  answers = []
})
afterAll(() => rig.close())

const get = (path: string) => `GET /endpoints/digits/${path} HTTP/1.1\r\nHost: a\r\n`
const answering = (text: string): BackendResponse => ({ status: 200, headers: [], body: Buffer.from(text) })

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

/** Both ways of reading a connection. */
const readers = { 'on sockets': '', 'by all of HTTP': 'TE: x\r\n' } as const

describe.each(Object.entries(readers))('%s', (_, field) => {
  test.each([
    [
      'a body that is malformed',
      'POST /endpoints/digits/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
    ['noise', '\x00\x01\x02\r\n\r\n', 400],
    ['an unknown expectation', `${get('b')}Expect: x\r\n\r\n`, 417],
    ['a path that is not served', 'GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 404],
  ])('%s waits for the answer before it', async (_name, behind, status) => {
    const socket = await dial(rig.port)
    const text = readUntil(socket)
    socket.write(Buffer.from(`${get('a')}${field}\r\n${behind}`, 'latin1'))
    await until(() => answers.length > 0)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
    expect(socket.bytesRead).toBe(0)
    answers[0]?.(answering('first'))
    expect(await text).toMatch(
      new RegExp(`^HTTP/1.1 200 OK\\r\\n[\\s\\S]*first(?:\\r\\n0\\r\\n\\r\\n)?HTTP/1.1 ${status} `),
    )
    // A body that comes in chunks is passed on as it comes, also one that turns out to be malformed.
    expect(asked.filter(path => path !== '/b')).toEqual(['/a'])
  })

  test('the next request is not asked before the answer is out, nor at all if the connection ends with it', async () => {
    const socket = await dial(rig.port)
    const text = readUntil(socket)
    socket.write(`${get('a')}${field}\r\n${get('b')}${field}Connection: close\r\n\r\n${get('c')}\r\n`)
    await until(() => answers.length > 0)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
    expect(asked).toEqual(['/a'])
    answers[0]?.(answering('first'))
    await until(() => answers.length > 1)
    answers[1]?.(answering('second'))
    expect((await text).match(/first|second|HTTP\/1.1 200/g)).toEqual([
      'HTTP/1.1 200',
      'first',
      'HTTP/1.1 200',
      'second',
    ])
    expect(asked).toEqual(['/a', '/b'])
  })

  test('a caller that leaves takes what it had sent ahead with it', async () => {
    const socket = await dial(rig.port)
    socket.on('error', () => {})
    socket.write(`${get('a')}${field}\r\n${get('b')}\r\n`)
    await until(() => answers.length > 0)
    socket.resetAndDestroy()
    await until(() => rig.gateway.stats().inFlight.every(({ count }) => count === 0))
    answers[0]?.(answering('first'))
    for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
    expect(asked).toEqual(['/a'])
  })
})
