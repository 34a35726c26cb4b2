/** Connections to a server that stands by, over real sockets. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Address, join, Relay } from '../../../src/adapters/standby/relay.ts'
import { freePort } from '../../support/free-port.ts'

const host = '127.0.0.1'

/** Until the test is over. */
async function listenAt(port: number, server: Server): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
}

/** One that answers what it was told once the caller has ended, and ends then itself. */
async function startEcho(port: number): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    let said = ''
    socket.on('data', chunk => {
      said += chunk
    })
    socket.on('end', () => socket.end(`heard ${said}`))
  })
  await listenAt(port, server)
}

function relayWith({ holdMs = 5_000, connectionsMax = 10 } = {}) {
  const itself: Address[] = []
  return { relay: new Relay({ holdMs, connectionsMax, leadsBack: target => void itself.push(target) }), itself }
}

async function startRelay(bounds = {}) {
  const [{ relay, itself }, port] = [relayWith(bounds), await freePort()]
  await relay.listen({ host, port })
  onTestFinished(() => relay.close())
  const call = (): Socket => {
    const socket = connect({ host, port, allowHalfOpen: true })
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    return socket
  }
  return { relay, port, call, itself }
}

async function answerTo(socket: Socket): Promise<string> {
  let heard = ''
  socket.on('data', chunk => {
    heard += chunk
  })
  await Promise.race([once(socket, 'end'), once(socket, 'close')])
  socket.end()
  return heard
}

test('where any port will do it says which one it got, and gives it up to who listens there too', async () => {
  const { relay } = relayWith()
  onTestFinished(() => relay.close())
  const { port } = await relay.listen({ host, port: 0, reusePort: true })
  const heir = createServer(socket => socket.end('from the heir'))
  await new Promise<void>(done => heir.listen({ host, port, reusePort: true }, done))
  onTestFinished(() => void heir.close())
  relay.stopListening()
  const caller = connect(port, host)
  expect(String((await once(caller, 'data'))[0])).toBe('from the heir')
})

test('bytes go on both ways, and so does the end of each', async () => {
  const port = await freePort()
  await startEcho(port)
  const { relay, call } = await startRelay()
  relay.forwardTo({ host, port })
  const caller = call()
  caller.write('one ')
  caller.end('two')
  expect(await answerTo(caller)).toBe('heard one two')
})

test('while nobody serves callers wait, and what they have said is heard by the one that does then', async () => {
  const { relay, call } = await startRelay()
  const [early, port] = [call(), await freePort()]
  early.end('early')
  const answer = answerTo(early)
  await once(early, 'connect')
  // It is named before it listens.
  relay.forwardTo({ host, port })
  const other = call()
  other.end('other')
  const otherAnswer = answerTo(other)
  await once(other, 'connect')
  await startEcho(port)
  expect(await Promise.all([answer, otherAnswer])).toEqual(['heard early', 'heard other'])
})

test('a port that somebody has is told as that', async () => {
  const port = await freePort()
  await startEcho(port)
  const { relay } = relayWith()
  await expect(relay.listen({ host, port })).rejects.toMatchObject({
    code: 'port-in-use',
    message: expect.stringContaining(`port ${port} on ${host} is in use`),
  })
})

test('one that is told of itself, as by loopback of another machine, does not call itself on and on', async () => {
  const { relay, port: own, call, itself } = await startRelay()
  relay.forwardTo({ host, port: own })
  const first = call()
  first.end('first')
  const answer = answerTo(first)
  await expect.poll(() => itself).toEqual([{ host, port: own }])
  // Nothing more of it: callers wait for somebody else.
  const second = call()
  second.end('second')
  const port = await freePort()
  await startEcho(port)
  relay.forwardTo({ host, port })
  expect(await Promise.all([answer, answerTo(second)])).toEqual(['heard first', 'heard second'])
  expect(itself).toHaveLength(1)
})

test('a caller for whom nobody comes is let go', async () => {
  const { call } = await startRelay({ holdMs: 150 })
  expect(await answerTo(call())).toBe('')
})

test('more callers than there may be are turned away at once; one that leaves makes room', async () => {
  const { relay, call } = await startRelay({ connectionsMax: 1 })
  const first = call()
  await once(first, 'connect')
  expect(await answerTo(call())).toBe('')
  const port = await freePort()
  await startEcho(port)
  relay.forwardTo({ host, port })
  first.end('first')
  expect(await answerTo(first)).toBe('heard first')
  const next = call()
  next.end('next')
  expect(await answerTo(next)).toBe('heard next')
})

test('where one side breaks off the other does', async () => {
  const port = await freePort()
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', () => socket.resetAndDestroy())
  })
  await listenAt(port, server)
  const { relay, call } = await startRelay()
  relay.forwardTo({ host, port })
  const caller = call()
  caller.write('hello')
  expect(await answerTo(caller)).toBe('')
})

test('whoever takes the port over gets new callers, and those that were held', async () => {
  const { relay, call } = await startRelay()
  const held = call()
  held.end('held')
  const answer = answerTo(held)
  await once(held, 'connect')
  const { remotePort = 0 } = held
  relay.stopListening()
  await startEcho(remotePort)
  relay.forwardTo({ host, port: remotePort })
  const fresh = call()
  fresh.end('fresh')
  expect(await Promise.all([answer, answerTo(fresh)])).toEqual(['heard held', 'heard fresh'])
})

test('where another server serves now, whoever waits for the one before is cut off, and may ask again', async () => {
  const heard = Promise.withResolvers<void>()
  const silent = createServer(socket => socket.on('error', () => {}).on('data', () => heard.resolve()))
  const port = await freePort()
  await listenAt(port, silent)
  const { relay, call } = await startRelay()
  relay.forwardTo({ host, port })
  const caller = call()
  caller.write('hello')
  await heard.promise
  const answer = answerTo(caller)
  relay.forwardTo({ host, port })
  const next = await freePort()
  await startEcho(next)
  relay.forwardTo({ host, port: next })
  expect(await answer).toBe('')
  const again = call()
  again.end('again')
  expect(await answerTo(again)).toBe('heard again')
})

describe('a server that is done with a caller who reads slowly', () => {
  /** Two sides of which the caller takes what it is sent when it is told to. */
  function joined() {
    const takes: (() => void)[] = []
    const heard: string[] = []
    const caller = new Duplex({
      read() {},
      write(chunk, _, done) {
        takes.push(() => {
          heard.push(String(chunk))
          done()
        })
      },
    })
    const server = new Duplex({ read() {}, write: (_, __, done) => done() })
    join(caller, server)
    return { caller, server, heard, take: () => takes.shift()?.() }
  }

  test('leaves the last of its answer to it, where both have ended', async () => {
    const { caller, server, heard, take } = joined()
    caller.push(null)
    for (const chunk of ['all ', 'of it', null]) server.push(chunk)
    await once(server, 'close')
    take()
    take()
    await once(caller, 'finish')
    expect(heard.join('')).toBe('all of it')
  })

  test('leaves nothing to it where it breaks off', async () => {
    const { caller, server } = joined()
    server.push('all')
    server.destroy()
    await once(caller, 'close')
    expect(caller.destroyed).toBe(true)
  })
})
