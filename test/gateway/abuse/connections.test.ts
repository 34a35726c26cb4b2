/** Callers that open more connections than there may be. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { watchListener } from '../../../src/adapters/tls/listener-certificates.ts'
import type { GatewayOptions } from '../../../src/gateway/gateway.ts'
import { startRig } from '../../support/gateway-rig.ts'
import { dial, sendRaw } from '../../support/http-caller.ts'
import { tlsFile } from '../../support/tls.ts'

async function crowded(options: Partial<GatewayOptions> = {}) {
  const rig = await startRig({ options: { connectionsMax: 2, ...options } })
  onTestFinished(() => rig.close())
  const refused = () => rig.gateway.stats().connectionsRefused
  return { ...rig, refused }
}

const get = (path = '/v2/health/live') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const status = async (caller: Socket) => {
  const [bytes] = await once(caller, 'data')
  return Number(String(bytes).split(' ')[1])
}

describe('a connection more than there may be', () => {
  test.each([
    ['read here', ''],
    ['read by the parser that knows all of HTTP', 'http://a'],
  ])('is closed at once and counted, and those that are there, %s, are served on', async (_, origin) => {
    const { port, refused } = await crowded()
    const callers = await Promise.all([dial(port), dial(port)])
    const ask = (caller: Socket) => {
      caller.write(get(`${origin}/v2/health/live`))
      return status(caller)
    }
    expect(await Promise.all(callers.map(ask))).toEqual([200, 200])
    expect(await sendRaw(port, get())).toBe('')
    expect(await sendRaw(port, get())).toBe('')
    expect(refused()).toBe(2)
    expect(await Promise.all(callers.map(ask))).toEqual([200, 200])
  })

  test('has a place once another has gone', async () => {
    const { port, refused } = await crowded()
    const [first] = await Promise.all([dial(port), dial(port)])
    expect(await sendRaw(port, get())).toBe('')
    first?.destroy()
    let heard = ''
    while (heard === '') heard = await sendRaw(port, get().replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    expect(heard).toMatch(/^HTTP\/1\.1 200 /)
    expect(refused()).toBeGreaterThan(0)
  })

  test('is closed before its handshake', async () => {
    const files = { cert: tlsFile('server.crt'), key: tlsFile('server.key'), clientCa: null }
    const certificates = watchListener(files, { clock: createManualClock(), tell: () => {} })
    onTestFinished(() => certificates.close())
    const { port, refused } = await crowded({ certificates })
    await Promise.all([dial(port), dial(port)])
    const third = await dial(port)
    third.on('error', () => {})
    if (!third.closed) await once(third, 'close')
    expect(refused()).toBe(1)
  })
})
