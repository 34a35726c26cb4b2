/** The feedback route of an inference listener: takes what it gets and says so. It knows every prediction but `unknown`. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Item = { prediction?: string; id?: string; label?: unknown }

export async function startFeedbackServer() {
  const batches: Item[][] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const items = JSON.parse(Buffer.concat(chunks).toString()) as Item[]
      batches.push(items)
      const results = items.map(({ prediction, id, label }) => ({
        id: id ?? 'f-1',
        prediction: prediction ?? null,
        status: label === null ? 'invalid' : prediction === 'unknown' ? 'pending' : 'joined',
        ...(label === null && { detail: 'label must be a string' }),
      }))
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ results }))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = () => new Promise<void>(resolve => server.close(() => resolve()).closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, batches, close }
}
