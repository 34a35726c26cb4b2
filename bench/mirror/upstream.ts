/**
 * Model servers that cost next to nothing: one that answers, one that never does, one that breaks off. All of them say that
 * they are ready when they are asked: those are the bad ones.
 */
import { createServer, type Socket } from 'node:net'

export type Behaviour = 'answers' | 'hangs' | 'crashes'
export type UpstreamPorts = Record<Behaviour, number>

const body = JSON.stringify({ label: 7, scores: Array.from({ length: 20 }, (_, index) => index / 20) })
const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`

const behaviours: Readonly<Record<Behaviour, (socket: Socket) => void>> = {
  answers: socket => socket.write(answer),
  hangs: () => {},
  crashes: socket => socket.resetAndDestroy(),
}

/** Requests come one at a time on a connection, each with its length; what is asked with GET is the readiness. */
function serve(socket: Socket, behave: (socket: Socket) => void): void {
  let text = ''
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0)
      const end = headEnd + 4 + length
      if (text.length < end) return
      const isProbe = text.startsWith('GET ')
      text = text.slice(end)
      if (isProbe) socket.write(answer)
      else behave(socket)
    }
  })
}

/** Serves until its parent goes; tells the parent its ports. */
export async function runUpstream(): Promise<void> {
  const ports: Partial<UpstreamPorts> = {}
  for (const [name, behave] of Object.entries(behaviours)) {
    const server = createServer(socket => {
      socket.setNoDelay(true).on('error', () => {})
      serve(socket, behave)
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    ports[name as Behaviour] = address !== null && typeof address === 'object' ? address.port : 0
  }
  process.send?.(ports)
  process.on('disconnect', () => process.exit(0))
}
