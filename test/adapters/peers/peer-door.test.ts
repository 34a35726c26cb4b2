/** Servers that meet, over real sockets: whoever has the key is let in, and nobody else. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { isNear, PeerDoor, reachPeer } from '../../../src/adapters/peers/peer-door.ts'

const newKey = () => randomBytes(32).toString('base64')

async function openDoor() {
  const key = newKey()
  const welcomed: TLSSocket[] = []
  const door = new PeerDoor(key, peer => {
    welcomed.push(peer)
    peer.write('welcome')
  })
  onTestFinished(() => door.close())
  const address = await door.listen({ host: '127.0.0.1', port: 0 })
  return { place: { ...address, key }, door, welcomed }
}

test('who has the key is let in, and is heard in secret', async () => {
  const { place, welcomed } = await openDoor()
  const peer = await reachPeer(place)
  onTestFinished(() => void peer.destroy())
  expect(String((await once(peer, 'data'))[0])).toBe('welcome')
  expect(peer.getCipher().name).toContain('CHACHA20-POLY1305')
  expect([isNear(peer), isNear(welcomed[0] as TLSSocket)]).toEqual([true, true])
})

test('who has another key, or none, is not', async () => {
  const { place, welcomed } = await openDoor()
  await expect(reachPeer({ ...place, key: newKey() })).rejects.toThrow()
  const plain = connect(place)
  plain.on('error', () => {})
  plain.write('GET / HTTP/1.1\r\n\r\n')
  plain.resume()
  await once(plain, 'close')
  expect(welcomed).toEqual([])
})

test('once the door is closed whoever came is cut, and nobody else comes', async () => {
  const { place, door } = await openDoor()
  const peer = await reachPeer(place)
  peer.resume()
  door.close()
  await once(peer, 'close')
  await expect(reachPeer(place)).rejects.toThrow(/ECONNREFUSED/)
})

test.each([
  ['10.0.0.5', '10.0.0.5', true],
  ['::ffff:10.0.0.5', '10.0.0.5', true],
  ['10.0.0.5', '10.0.0.6', false],
  [undefined, undefined, false],
])('an end at %s and one at %s are on one machine: %s', (localAddress, remoteAddress, near) => {
  expect(isNear({ localAddress, remoteAddress } as TLSSocket)).toBe(near)
})
