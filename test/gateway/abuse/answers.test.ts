/** Answers on their way to callers who are slow to take them, or leave. */
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SocketOutbound } from '../../../src/gateway/sockets/socket-outbound.ts'
import { acceptedSocket } from '../../support/accepted.ts'
import { fleetsOf, instance, startRig } from '../../support/gateway-rig.ts'
import { dial } from '../../support/http-caller.ts'

async function oneTurn(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
}

describe('an answer to a caller who does not read', () => {
  test('is held up only where the socket will tell of its draining, in whatever portions it comes', async () => {
    const { socket, caller } = await acceptedSocket(onTestFinished)
    const outbound = new SocketOutbound(
      socket,
      { onAnswered: () => {}, isFarFromNext: false },
      { isHead: false, closes: false },
    )
    const drained = Promise.withResolvers<void>()
    outbound.watch({ onAnswerDrain: drained.resolve, onAnswerClosed: () => {} })
    socket.on('drain', () => outbound.onSocketDrain())
    outbound.begin(200, '', null)
    // The network holds what it can; from then on the socket does, and what is short waits beside it for the turn's end.
    while (socket.writableLength < 52_000) {
      outbound.write(Buffer.alloc(socket.writableLength === 0 ? 10_000 : 4_000))
      await oneTurn()
    }
    expect(socket.writableNeedDrain).toBe(false)
    expect(outbound.write(Buffer.alloc(14_000))).toBe(false)
    expect(socket.writableNeedDrain).toBe(true)
    caller.resume()
    await drained.promise
  })
})

describe('a caller who leaves before the end of an answer that the model server has ended', () => {
  const request = 'POST /endpoints/digits/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'

  test('was not answered, and what it had sent ahead is not served', async () => {
    let calls = 0
    const long = instance(() => {
      calls += 1
      return { status: 200, headers: [], body: Buffer.alloc(20_000_000) }
    })
    const rig = await startRig({ fleets: fleetsOf({ v1: long }) })
    onTestFinished(() => rig.close())
    const caller = await dial(rig.port)
    caller.on('error', () => {})
    caller.write(request + request)
    await once(caller, 'data')
    caller.pause()
    for (let turn = 0; turn < 20; turn += 1) await oneTurn()
    caller.resetAndDestroy()
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 0 })
    for (let turn = 0; turn < 20; turn += 1) await oneTurn()
    expect(calls).toBe(1)
  })
})
