/** A whole gateway on a socket, before a model server that answers with what it got: what a connection's bytes become. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { HttpInstance } from '../../src/adapters/deployer/http/http-instance.ts'
import { fleetsOf, startRig } from '../support/gateway-rig.ts'
import { type Answered, answersIn } from './read-answers.ts'

export type Conversed = {
  answers: Answered[]
  /** Requests that the model server got whole, as it understood them. */
  seen: string[]
  isClosed: boolean
  /** Something that must never be, in words. */
  fault: string | null
}

export type World = {
  /** Writes the portions one after the other; waits until nothing happens any more for so many turns. */
  converse(portions: readonly Buffer[], quietTurns: number): Promise<Conversed>
  close(): Promise<void>
}

/** Whatever takes longer hangs. */
const hangMs = 10_000

/** `heldBodyBytes`: as the gateway has it. */
export async function createWorld(options: { heldBodyBytes?: number } = {}): Promise<World> {
  const now = { seen: [] as string[], events: 0, fault: null as string | null }
  const server = createServer((req, res) => {
    now.events += 1
    echo(req, res, told => {
      now.events += 1
      now.seen.push(told)
    })
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code?.startsWith('HPE') && error.code !== 'HPE_INVALID_EOF_STATE')
      now.fault = `the model server got ${error.code}`
    socket.destroy()
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const instance = new HttpInstance('one', `http://127.0.0.1:${portOf(server.address())}`, { judged: () => {} })
  const rig = await startRig({ fleets: fleetsOf({ v1: instance }), options })
  const inFlight = () => rig.gateway.stats().inFlight.reduce((sum, { count }) => sum + count, 0)

  async function converse(portions: readonly Buffer[], quietTurns: number): Promise<Conversed> {
    now.seen = []
    now.fault = null
    rig.recorder.records.length = 0
    const caller = await callerOf(rig.port, () => (now.events += 1))
    for (const portion of portions) {
      caller.socket.write(portion)
      await turns(2)
    }
    await quiet(quietTurns, () => now.events)
    const { isClosed } = caller
    const answers = answersIn(caller.text())
    caller.socket.destroy()
    const untilMs = Date.now() + hangMs
    while ((inFlight() > 0 || instance.inFlight > 0) && Date.now() < untilMs) await turns(1)
    if (inFlight() > 0 || instance.inFlight > 0) now.fault = 'a request stays in flight after its caller has left'
    const unread = typeof answers === 'string' ? answers : null
    return { answers: typeof answers === 'string' ? [] : answers, seen: now.seen, isClosed, fault: now.fault ?? unread }
  }

  // The client knows by these that the server keeps connections: from then on nothing waits for a clock.
  for (let warm = 0; warm < 2; warm += 1) {
    await converse([Buffer.from('GET /endpoints/digits/warm HTTP/1.1\r\nHost: a\r\n\r\n')], 50)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return {
    converse,
    close: async () => {
      await rig.close()
      await instance.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

type Caller = { socket: Socket; isClosed: boolean; text(): string }

async function callerOf(port: number, onEvent: () => void): Promise<Caller> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  const chunks: Buffer[] = []
  const caller = { socket, isClosed: false, text: () => Buffer.concat(chunks).toString('latin1') }
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    onEvent()
    chunks.push(chunk)
  })
  socket.on('close', () => {
    onEvent()
    caller.isClosed = true
  })
  return caller
}

async function quiet(turnsMin: number, events: () => number): Promise<void> {
  let last = events()
  for (let still = 0; still < turnsMin; still += 1) {
    await turns(1)
    if (events() !== last) still = 0
    last = events()
  }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise(resolve => setImmediate(resolve))
}

/** Fields that differ from one way through the gateway to the other, or from run to run. */
const ownFields = /^(host|connection|via|x-forwarded-for|x-cutover-prediction-id|content-length|transfer-encoding)$/i

async function echo(req: IncomingMessage, res: ServerResponse, onSeen: (told: string) => void): Promise<void> {
  const chunks: Buffer[] = []
  res.on('error', () => {})
  try {
    for await (const chunk of req) chunks.push(chunk as Buffer)
  } catch {
    return
  }
  const fields = req.rawHeaders.flatMap((name, at, all) =>
    at % 2 === 0 && !ownFields.test(name) ? [`${name}: ${all[at + 1]}`] : [],
  )
  const told = JSON.stringify([req.method, req.url, fields, Buffer.concat(chunks).toString('latin1')])
  onSeen(told)
  res.end(told, 'latin1')
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  return address !== null && typeof address === 'object' ? address.port : 0
}
