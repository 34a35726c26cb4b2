import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { watchListener } from '../../../src/adapters/tls/listener-certificates.ts'
import { checkUpstreamTls, tlsOptions } from '../../../src/adapters/tls/upstream-tls.ts'
import { limits } from '../../../src/core/limits.ts'
import { thrownBy } from '../../support/thrown.ts'
import { certificateFolder, pem, tlsFile } from '../../support/tls.ts'

const nowMs = Date.UTC(2026, 0, 1)

function watched(name: string, startMs = nowMs) {
  const folder = certificateFolder(name)
  const clock = createManualClock(startMs)
  const told: string[] = []
  const tell = (result: { taken: true } | { taken: false; reason: string }) =>
    void told.push(result.taken ? 'taken' : result.reason)
  const certificates = watchListener({ cert: folder.cert, key: folder.key, clientCa: null }, { clock, tell })
  const look = () => clock.advance(limits.certificateLookMs)
  return { ...folder, clock, told, certificates, look }
}

describe('the certificate of a listener', () => {
  it('is taken anew when its files change, and handed to who listens', () => {
    const { put, told, certificates, look } = watched('server')
    const heard: Buffer[] = []
    certificates.subscribe(({ cert }) => heard.push(cert))
    look()
    expect([told, heard]).toEqual([[], []])
    put('renewed')
    look()
    expect(told).toEqual(['taken'])
    expect(heard).toEqual([pem('renewed.crt')])
    expect(certificates.current().key).toEqual(pem('renewed.key'))
    expect(certificates.notAfterMs()).toBe(Date.UTC(2120, 0, 1))
  })

  it('stays while what is there cannot be used, is told once, and taken once it can', () => {
    const { put, told, certificates, look, cert } = watched('server')
    put('renewed', 'cert')
    look()
    look()
    expect(told).toEqual(['the key is not that of the certificate'])
    expect(certificates.current().cert).toEqual(pem('server.crt'))
    put('renewed', 'key')
    look()
    expect(told.at(-1)).toBe('taken')
    writeFileSync(cert, 'not a certificate')
    look()
    rmSync(cert)
    look()
    expect(certificates.counts()).toEqual({ taken: 1, refused: 3 })
    expect(certificates.current().cert).toEqual(pem('renewed.crt'))
  })

  it('is followed through links, as mounted secrets are', () => {
    const { cert, key, told, look, certificates } = watched('server')
    for (const [path, name] of [
      [cert, 'renewed.crt'],
      [key, 'renewed.key'],
    ] as const) {
      rmSync(path)
      symlinkSync(tlsFile(name), path)
    }
    look()
    expect(told).toEqual(['taken'])
    expect(certificates.current().cert).toEqual(pem('renewed.crt'))
  })

  it('that has ended is not taken', () => {
    const { put, told, look } = watched('server', Date.UTC(2120, 0, 1) - 1)
    put('renewed')
    look()
    expect(told.join()).toMatch(/the certificate ended at Jan {2}1 00:00:00 2120/)
  })

  it.each([
    ['files that are not there', { cert: '/nowhere/tls.crt' }],
    ['a key of another certificate', { key: tlsFile('client.key') }],
    ['a key where the certificate should be', { cert: tlsFile('server.key') }],
    ['an authority file without a certificate', { clientCa: tlsFile('ca.key') }],
  ])('is refused at the start: %s', (_, wrong) => {
    const tls = { cert: tlsFile('server.crt'), key: tlsFile('server.key'), clientCa: null, ...wrong }
    const { code, message } = thrownBy(() => watchListener(tls, { clock: createManualClock(nowMs), tell: () => {} }))
    expect(code).toBe('certificate-invalid')
    expect(message).toContain(Object.values(wrong)[0])
  })
})

describe('TLS to a model server', () => {
  const around = { clock: createManualClock(nowMs), tell: () => {} }

  it('has its files, its name and its trust as options', () => {
    const files = { ca: tlsFile('ca.crt'), cert: tlsFile('client.crt'), key: tlsFile('client.key') }
    expect(tlsOptions({ ...files, serverName: 'model.internal' }, around).current()).toEqual({
      ca: pem('ca.crt'),
      cert: pem('client.crt'),
      key: pem('client.key'),
      servername: 'model.internal',
    })
    expect(tlsOptions({ insecure: true }, around).current()).toEqual({ rejectUnauthorized: false })
  })

  it('is the same object until its files change', () => {
    const { cert, key, put } = certificateFolder('client')
    const clock = createManualClock(nowMs)
    const options = tlsOptions({ cert, key }, { clock, tell: () => {} })
    const before = options.current()
    clock.advance(limits.certificateLookMs)
    expect(options.current()).toBe(before)
    put('stranger')
    clock.advance(limits.certificateLookMs)
    expect(options.current()).not.toBe(before)
    expect(options.current().cert).toEqual(pem('stranger.crt'))
  })

  it('refuses a key of another certificate', () => {
    const tls = { cert: tlsFile('client.crt'), key: tlsFile('server.key') }
    expect(thrownBy(() => checkUpstreamTls(tls)).code).toBe('certificate-invalid')
  })
})
