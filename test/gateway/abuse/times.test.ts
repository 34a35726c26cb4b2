/** Callers that take their time, by a clock of the test's own. */
import type { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { BodyMemory } from '../../../src/gateway/body-memory.ts'
import { patienceMs, SocketConnection } from '../../../src/gateway/sockets/socket-connection.ts'
import { acceptedSocket } from '../../support/accepted.ts'
import { readUntil } from '../../support/http-caller.ts'

/** A connection on which the caller has said this much. */
async function saying(text: string): Promise<{ connection: SocketConnection; heard: Promise<string>; caller: Socket }> {
  const { socket, caller } = await acceptedSocket(onTestFinished, { allowHalfOpen: true, pauseOnConnect: true })
  const events = { visit: () => {}, onError: () => {}, ids: () => '', handOver: () => {}, bodies: new BodyMemory(0) }
  const connection = new SocketConnection(socket, events, () => {})
  const heard = readUntil(caller)
  if (text !== '') caller.write(text)
  for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
  return { connection, heard, caller }
}

const head = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n'

test.each([
  ['within the head', head, patienceMs.head],
  ['at its first byte', 'P', patienceMs.head],
  ['within the body', `${head}\r\nbo`, patienceMs.body],
  ['within a long body', 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbo', patienceMs.body],
])('a caller that stops %s is told so, and its connection ends', async (_, said, ms) => {
  const { connection, heard } = await saying(said)
  connection.checkTimes(performance.now() + ms - 1_000)
  connection.checkTimes(performance.now() + ms)
  expect(await heard).toMatch(/^HTTP\/1.1 408 [\s\S]*connection: close\r\n[\s\S]*did not arrive in time/)
})

test('bytes that trickle in win no time', async () => {
  const { connection, heard, caller } = await saying('POST /x HTTP/1.1\r\n')
  const startMs = performance.now()
  for (const byte of 'Host: a') {
    caller.write(byte)
    await new Promise(resolve => setImmediate(resolve))
  }
  connection.checkTimes(startMs + patienceMs.head)
  expect(await heard).toMatch(/^HTTP\/1.1 408 /)
})

test('an idle connection is closed without a word', async () => {
  const { connection, heard } = await saying('')
  connection.checkTimes(performance.now() + patienceMs.idle)
  expect(await heard).toBe('')
})
