/** Messages between servers, over streams that cut them anywhere. */
import { Duplex } from 'node:stream'
import { serialize } from 'node:v8'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PeerChannel } from '../../../src/adapters/peers/peer-channel.ts'
import { limits } from '../../../src/core/limits.ts'

/** A stream that a test feeds; what is written to it is kept. */
function wire() {
  const written: Buffer[] = []
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      written.push(chunk)
      done()
    },
  })
  return { socket, bytes: () => Buffer.concat(written) }
}

function listening(socket: Duplex) {
  const channel = new PeerChannel<unknown, unknown>(socket)
  const heard: unknown[] = []
  const ends: string[] = []
  channel.open({ hear: message => void heard.push(message), closed: detail => void ends.push(detail) })
  return { channel, heard, ends }
}

const turn = () => new Promise(done => setImmediate(done))

const messages = fc.array(fc.oneof(fc.object(), fc.string(), fc.uint8Array({ maxLength: 2_000 })), { maxLength: 12 })
const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 })

test('what is said is heard whole and in order, however the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(messages, sizes, async (said, cuts) => {
      const from = wire()
      const sender = new PeerChannel<unknown, unknown>(from.socket)
      for (const message of said) sender.say(message)
      const to = wire()
      const { heard } = listening(to.socket)
      const bytes = from.bytes()
      for (let at = 0, part = 0; at < bytes.length; part += 1) {
        const size = cuts[part % cuts.length] ?? 1
        to.socket.push(bytes.subarray(at, at + size))
        at += size
      }
      await turn()
      expect(heard).toEqual(said.map(message => structuredClone(message)))
    }),
  )
})

test('a buffer is heard as a copy, and the sender keeps its own', async () => {
  const from = wire()
  const packed = new Uint8Array([1, 2, 3]).buffer
  new PeerChannel<unknown, unknown>(from.socket).say({ packed })
  const to = wire()
  const { heard } = listening(to.socket)
  to.socket.push(from.bytes())
  await turn()
  expect(heard).toEqual([{ packed }])
  expect(packed.byteLength).toBe(3)
})

test.each([
  ['longer than any may be', Buffer.from(Uint32Array.of(limits.peerFrameBytesMax + 1).buffer).swap32()],
  ['no message', Buffer.from([0, 0, 0, 2, 1, 2])],
])('a frame that is %s ends the connection, once', async (_, bytes) => {
  const { socket } = wire()
  const { heard, ends } = listening(socket)
  socket.push(bytes)
  await turn()
  expect(socket.destroyed).toBe(true)
  await turn()
  expect([heard, ends.length]).toEqual([[], 1])
})

test('one that was closed before it was opened says so', async () => {
  const { socket } = wire()
  const channel = new PeerChannel<unknown, unknown>(socket)
  socket.destroy()
  await turn()
  const ends: string[] = []
  channel.open({ hear: () => expect.unreachable(), closed: detail => void ends.push(detail) })
  await turn()
  expect(ends).toHaveLength(1)
})

test('one that is cut says why, and hears and says nothing behind that', async () => {
  const { socket, bytes } = wire()
  const { channel, heard, ends } = listening(socket)
  channel.cut('it was silent')
  channel.say('too late')
  socket.push(Buffer.concat([Buffer.from([0, 0, 0, serialize('x').length]), serialize('x')]))
  await turn()
  expect([heard, ends, bytes().length]).toEqual([[], ['it was silent'], 0])
})
