/** A message has a time to come in, as a request of HTTP has. */
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { expect, onTestFinished, test } from 'vitest'
import { boundMessages } from '../../../src/gateway/grpc/message-memory.ts'
import { framed, openSession, rawCall } from '../../support/grpc-raw.ts'

test('a message that does not come to its end ends its call, however slowly it goes on', async () => {
  const server = new Server({ interceptors: [boundMessages({ bytesMax: 1e6, messageMs: 60, onRefused: () => {} })] })
  const one = {
    requestStream: false,
    responseStream: false,
    requestSerialize: Buffer.from,
    responseSerialize: Buffer.from,
  }
  const Say = { ...one, path: '/any.Service/Say', requestDeserialize: Buffer.from, responseDeserialize: Buffer.from }
  server.addService(
    { Say },
    { Say: (_call: unknown, done: (error: null, said: Buffer) => void) => done(null, Buffer.alloc(1)) },
  )
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    ),
  )
  const session = await openSession(bound)
  onTestFinished(() => {
    session.destroy()
    server.forceShutdown()
  })
  const slow = rawCall(session, Say.path)
  slow.stream.write(framed(Buffer.alloc(3), { length: 1_000 }))
  const drip = setInterval(() => slow.stream.write(Buffer.alloc(1)), 10)
  expect(await slow.ended).toMatchObject({ code: 4, details: 'a message did not arrive within 60 ms' })
  clearInterval(drip)
  const good = rawCall(session, Say.path)
  good.stream.end(framed(Buffer.alloc(3)))
  expect((await good.ended).code).toBe(0)
})
