/** Keys and TLS of the inference listener, for callers over gRPC. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import { credentials } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createKeyring } from '../../../src/adapters/access/keyring.ts'
import { nodeSecrets } from '../../../src/adapters/access/node-secrets.ts'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import type { BackendRequest } from '../../../src/adapters/deployer/by-promise.ts'
import { watchListener } from '../../../src/adapters/tls/listener-certificates.ts'
import { type ApiKey, writeKey } from '../../../src/core/access/api-key.ts'
import { limits } from '../../../src/core/limits.ts'
import { echoing, headerOf } from '../../support/echo-server.ts'
import { fleetsOf, instance, startRig } from '../../support/gateway-rig.ts'
import { type GrpcCaller, grpcCaller, inferRequest } from '../../support/grpc-caller.ts'
import { certificateFolder, pem, tlsFile } from '../../support/tls.ts'

const clock = createManualClock(1_750_000_000_000)
const floats = inferRequest([{ datatype: 'FP32', shape: [1], contents: { fp32_contents: [1] } }])
const code = { denied: 7, exhausted: 8, unavailable: 14, unauthenticated: 16 } as const

function keyOf(overrides: Partial<ApiKey> = {}) {
  const { id, secret } = nodeSecrets.make()
  const limit = { role: 'call', endpoints: null, rate: null, concurrencyMax: null, expiresAtMs: null } as const
  const key: ApiKey = { id, name: 'app', hash: nodeSecrets.hash(secret), createdAtMs: 0, ...limit, ...overrides }
  return { key, text: writeKey({ id, secret }) }
}

type Options = NonNullable<NonNullable<Parameters<typeof startRig>[0]>['options']>

async function served(options: Options) {
  const asked: BackendRequest[] = []
  const rig = await startRig({ fleets: fleetsOf({ v1: instance(echoing(null, asked)) }), options })
  onTestFinished(() => rig.close())
  const { port } = await rig.gateway.listenGrpc({ host: '127.0.0.1', port: 0 })
  const callerBy = (by: Parameters<typeof grpcCaller>[1] = {}): GrpcCaller => {
    const caller = grpcCaller(port, by)
    onTestFinished(() => caller.close())
    return caller
  }
  return { ...rig, grpcPort: port, asked, callerBy }
}

describe('a server that asks for keys', () => {
  const guarded = (keys: readonly ApiKey[]) =>
    served({ access: createKeyring({ secrets: nodeSecrets, clock, fixed: keys }) })

  test('lets in who has one in the metadata, and sends it to no model server', async () => {
    const { key, text } = keyOf()
    const { callerBy, asked } = await guarded([key])
    const caller = callerBy()
    for (const fields of [{ authorization: `Bearer ${text}` }, { 'x-api-key': text }]) {
      expect((await caller.call('ModelInfer', floats, { fields })).message['model_version']).toBe('v1')
    }
    const names = asked.map(one => [headerOf(one, 'authorization'), headerOf(one, 'x-api-key')])
    expect(names).toEqual([
      [null, null],
      [null, null],
    ])
  })

  test('tells who has none nothing but that, whatever is asked for', async () => {
    const { callerBy, asked } = await guarded([keyOf().key])
    const caller = callerBy()
    const failures = await Promise.all([
      caller.failure('ModelInfer', floats),
      caller.failure('ModelInfer', inferRequest([], { model_name: 'letters' })),
      caller.failure('ModelMetadata', { name: 'letters' }),
      caller.failure('ServerMetadata'),
    ])
    expect(failures.map(failure => failure.code)).toEqual(failures.map(() => code.unauthenticated))
    expect(failures.map(({ details }) => details).join(' ')).not.toContain('digits')
    expect(asked).toEqual([])
    expect((await caller.call('ServerLive')).message).toEqual({ live: true })
    const health = callerBy({ service: 'grpc.health.v1.Health' })
    expect((await health.call('Check')).message).toEqual({ status: 'SERVING' })
  })

  test('holds a key to its endpoints', async () => {
    const { key, text } = keyOf({ endpoints: ['letters'] })
    const { callerBy } = await guarded([key])
    const refused = await callerBy().failure('ModelInfer', floats, { fields: { 'x-api-key': text } })
    expect(refused.code).toBe(code.denied)
  })

  test('holds a key to its pace', async () => {
    const { key, text } = keyOf({ rate: { perSecond: 1, burst: 1 } })
    const { callerBy } = await guarded([key])
    const caller = callerBy()
    const by = { fields: { 'x-api-key': text } }
    await caller.call('ModelInfer', floats, by)
    const refused = await caller.failure('ModelInfer', floats, by)
    expect([refused.code, refused.head['retry-after']]).toEqual([code.exhausted, '1'])
  })

  test('lets a key have so many calls under way, and no longer than they are', async () => {
    const { key, text } = keyOf({ concurrencyMax: 1 })
    const { callerBy } = await guarded([key])
    const caller = callerBy()
    for (let at = 0; at < 3; at += 1) await caller.call('ModelInfer', floats, { fields: { 'x-api-key': text } })
  })
})

describe('over TLS', () => {
  async function secured(clientCa: string | null = null) {
    const folder = certificateFolder('server')
    const watchClock = createManualClock(Date.UTC(2026, 0, 1))
    const tls = { cert: folder.cert, key: folder.key, clientCa }
    const certificates = watchListener(tls, { clock: watchClock, tell: () => {} })
    const rig = await served({ certificates })
    return { ...rig, ...folder, look: () => watchClock.advance(limits.certificateLookMs) }
  }
  const trusting = (ca = 'ca.crt') => ({ credentials: credentials.createSsl(pem(ca)) })
  const showing = (name: string) => ({
    credentials: credentials.createSsl(pem('ca.crt'), pem(`${name}.key`), pem(`${name}.crt`)),
  })

  test('calls are served as without it, and none in plain text', async () => {
    const { callerBy } = await secured()
    expect((await callerBy(trusting()).call('ModelInfer', floats)).message['model_version']).toBe('v1')
    expect((await callerBy().failure('ModelInfer', floats)).code).toBe(code.unavailable)
    expect((await callerBy(trusting('other-ca.crt')).failure('ModelInfer', floats)).code).toBe(code.unavailable)
  })

  test('callers show a certificate where these are asked for', async () => {
    const { callerBy } = await secured(tlsFile('ca.crt'))
    expect((await callerBy(showing('client')).call('ModelInfer', floats)).message['model_version']).toBe('v1')
    expect((await callerBy(trusting()).failure('ModelInfer', floats)).code).toBe(code.unavailable)
    expect((await callerBy(showing('stranger')).failure('ModelInfer', floats)).code).toBe(code.unavailable)
  })

  test('a certificate that was renewed takes its place without a new start', async () => {
    const { grpcPort, put, look, callerBy } = await secured()
    const subject = async () => {
      const socket = connect({ host: '127.0.0.1', port: grpcPort, ca: pem('ca.crt'), ALPNProtocols: ['h2'] })
      await once(socket, 'secureConnect')
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      return CN
    }
    const before = await subject()
    put('renewed')
    look()
    expect([before, await subject()]).toEqual(['cutover-test-server', 'cutover-test-renewed'])
    expect((await callerBy(trusting()).call('ModelInfer', floats)).message['model_version']).toBe('v1')
  })
})
