/** Model servers behind TLS: whom Cutover believes, who it says it is, and what a change of the files does. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import type { UpstreamTls } from '../../../src/core/tls.ts'
import { send } from '../../support/send.ts'
import { certificateFolder, pem, tlsFile } from '../../support/tls.ts'
import { request, text } from './requests.ts'
import { closing, collectReports, fastClock, pick, silentLogger, until, version } from './support.ts'

const ready = { path: '/health', timeoutMs: 60_000, unknownIsReady: false }

/** Answers with the name of the certificate that it was shown, or `nobody`. */
async function modelServer(options: { certificate: string; clientCa?: string; requestsPerConnection?: number }) {
  const { certificate, clientCa, requestsPerConnection = 0 } = options
  const server = createServer(
    {
      cert: pem(`${certificate}.crt`),
      key: pem(`${certificate}.key`),
      ...(clientCa !== undefined && { ca: pem(`${clientCa}.crt`), requestCert: true, rejectUnauthorized: true }),
    },
    (req, res) => res.end(String((req.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody')),
  )
  server.maxRequestsPerSocket = requestsPerConnection
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function deploy(address: string, tls?: UpstreamTls) {
  const reports = collectReports()
  const deployer = closing(createDeployer({ clock: fastClock(50), logger: silentLogger, report: reports.report }))
  const v1 = version('v1', { kind: 'url', addresses: [address], ready, ...(tls !== undefined && { tls }) })
  deployer.ensure({ endpoint: 'digits', version: v1, readyTimeoutMs: 60_000 })
  const answer = async () => text(await send(pick(deployer, 'v1'), request({ path: '/infer' })))
  return { deployer, reports, v1, answer }
}

const waitingFor = (deployer: ReturnType<typeof deploy>['deployer']) => deployer.status('digits', 'v1')[0]?.detail ?? ''

describe('a model server behind TLS', () => {
  test('is believed by the authority that the version names', async () => {
    const address = await modelServer({ certificate: 'server' })
    const { reports, answer } = deploy(address, { ca: tlsFile('ca.crt') })
    await reports.next('ready')
    expect(await answer()).toBe('nobody')
  })

  test('is not believed without it, nor under another name than its own', async () => {
    const [server, model] = [await modelServer({ certificate: 'server' }), await modelServer({ certificate: 'model' })]
    const { deployer: strangers } = deploy(server)
    await until(() => /UNABLE_TO_VERIFY|SELF_SIGNED/.test(waitingFor(strangers)))
    const { deployer: misnamed } = deploy(model, { ca: tlsFile('ca.crt') })
    await until(() => /ERR_TLS_CERT_ALTNAME_INVALID/.test(waitingFor(misnamed)))
    const named = deploy(model, { ca: tlsFile('ca.crt'), serverName: 'model.internal' })
    await named.reports.next('ready')
    expect(await named.answer()).toBe('nobody')
  })

  test('is believed whoever it is, where the version says so', async () => {
    const { reports } = deploy(await modelServer({ certificate: 'model' }), { insecure: true })
    expect((await reports.next('ready')).state).toBe('ready')
  })

  test('is shown the certificate of the version, and the new one on new connections', async () => {
    const address = await modelServer({ certificate: 'server', clientCa: 'ca', requestsPerConnection: 1 })
    const { cert, key, put } = certificateFolder('client')
    const { reports, answer } = deploy(address, { ca: tlsFile('ca.crt'), cert, key })
    await reports.next('ready')
    expect(await answer()).toBe('cutover-test-client')
    put('client-renewed')
    await expect.poll(answer, { timeout: 5_000 }).toBe('cutover-test-client-renewed')
  })

  test('that asks for a certificate is not ready for who has none', async () => {
    const { deployer } = deploy(await modelServer({ certificate: 'server', clientCa: 'ca' }), { ca: tlsFile('ca.crt') })
    await until(() => waitingFor(deployer) !== '')
    expect(deployer.fleets.readyCount('digits', 'v1')).toBe(0)
  })

  test('is refused with files that cannot be used, and reached by nobody once they are gone', async () => {
    const address = await modelServer({ certificate: 'server' })
    const gone = deploy(address, { ca: '/nowhere/ca.crt' })
    await expect(gone.deployer.check(gone.v1)).rejects.toMatchObject({
      code: 'certificate-invalid',
      message: expect.stringContaining('/nowhere/ca.crt'),
    })
    await until(() => /UNABLE_TO_VERIFY|SELF_SIGNED/.test(waitingFor(gone.deployer)))
  })
})
