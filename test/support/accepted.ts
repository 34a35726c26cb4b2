/** Both ends of one connection over the loopback. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type ServerOpts, type Socket } from 'node:net'
import { dial } from './http-caller.ts'

export async function acceptedSocket(
  onEnd: (end: () => void) => void,
  options: ServerOpts = {},
): Promise<{ socket: Socket; caller: Socket }> {
  const server = createServer(options)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const caller = await dial((server.address() as AddressInfo).port)
  const [socket] = (await accepted) as [Socket]
  onEnd(() => {
    for (const one of [socket, caller]) one.destroy()
    server.close()
  })
  return { socket, caller }
}
