import { once } from 'node:events'
import { createServer } from 'node:net'

/** Ports given to commands that have not ended: the system could offer one again before its command listens on it. */
const taken = new Set<number>()
const triesMax = 20

/**
 * A port on 127.0.0.1 that nothing listens on; give it back by `releasePort`. Somebody else may still take it before the
 * command does; the command then ends and its next start gets another port.
 */
export async function takePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = await offeredPort()
    if (taken.has(port)) continue
    taken.add(port)
    return port
  }
  throw new Error(`the system offered no unused port in ${triesMax} tries`)
}

export function releasePort(port: number): void {
  taken.delete(port)
}

async function offeredPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return address !== null && typeof address === 'object' ? address.port : 0
}
