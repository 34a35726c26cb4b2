/** Workers share a port with whoever lets them, another server of ours too: so it is asked first whether anybody has it. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { listenError } from '../gateway/listener.ts'
import type { Address } from './messages.ts'

/** Rejects with port-in-use. */
export async function assertPortFree(address: Address): Promise<void> {
  if (address.port === 0) return
  const server = createServer()
  try {
    server.listen(address)
    await once(server, 'listening')
  } catch (error) {
    throw listenError(error, address)
  }
  server.close()
  await once(server, 'close')
}
