import { createServer } from 'node:net'

/** Those that this process has been given: what is free again may be given a second time before anybody has taken it. */
const given = new Set<number>()

/** A port that is free now, on loopback, and is given once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await portOfTheMoment()
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}

function portOfTheMoment(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? done(address.port) : fail(new Error('no port')),
      )
    })
  })
}
