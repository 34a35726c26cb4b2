/** The certificates of test/fixtures/tls, and callers that speak TLS. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

const folder = join(import.meta.dirname, '../fixtures/tls')

export const tlsFile = (name: string): string => join(folder, name)
export const pem = (name: string): Buffer => readFileSync(tlsFile(name))

/** A folder with a certificate and its key under fixed names, in which others can be put. */
export function certificateFolder(name: string) {
  const place = mkdtempSync(join(tmpdir(), 'cutover-tls-'))
  onTestFinished(() => rmSync(place, { recursive: true, force: true }))
  const cert = join(place, 'tls.crt')
  const key = join(place, 'tls.key')
  const put = (from: string, what: 'both' | 'cert' | 'key' = 'both'): void => {
    if (what !== 'key') copyFileSync(tlsFile(`${from}.crt`), cert)
    if (what !== 'cert') copyFileSync(tlsFile(`${from}.key`), key)
  }
  put(name)
  return { cert, key, put }
}

export type SecureReply = { status: number; text: string; headers: NodeJS.Dict<string | string[]>; subject: string }

/** On a connection of its own; rejects if no key is agreed on. */
export function askSecurely(
  port: number,
  question: {
    path: string
    method?: string
    headers?: Readonly<Record<string, string>>
    body?: string
    tls?: ConnectionOptions
  },
): Promise<SecureReply> {
  const { path, method = 'GET', headers = {}, body, tls } = question
  const options = { host: '127.0.0.1', port, path, method, headers, agent: false as const, ca: pem('ca.crt'), ...tls }
  return new Promise((resolve, reject) => {
    const req = request(options, res => {
      const chunks: Buffer[] = []
      const { subject } = (res.socket as TLSSocket).getPeerCertificate()
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          headers: res.headers,
          subject: String(subject.CN),
        }),
      )
    })
    req.on('error', reject)
    req.end(body)
  })
}
