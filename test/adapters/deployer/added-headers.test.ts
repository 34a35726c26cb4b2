import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/adapters/clock/system.ts'
import { AddedHeaders } from '../../../src/adapters/deployer/http/added-headers.ts'
import { lackedFor } from '../../../src/adapters/deployer/http/open-server.ts'
import { createUrlDriver } from '../../../src/adapters/deployer/url/url-driver.ts'
import type { AddedHeader, VersionSpec } from '../../../src/core/endpoint.ts'
import { tempFolder } from '../temp-folder.ts'

const variable = 'TEST_ADDED_HEADER'
afterEach(() => {
  delete process.env[variable]
})

const fromEnv: AddedHeader = { from: 'env', name: variable, prefix: 'Bearer ' }

function version(headers: Readonly<Record<string, AddedHeader>>): VersionSpec {
  const ready = { path: '/', timeoutMs: 1_000, unknownIsReady: true }
  return { name: 'v1', instances: 1, backend: { kind: 'url', addresses: ['http://127.0.0.1:1'], ready, headers } }
}

describe('fields with secrets', () => {
  test('a variable becomes the value of its field, behind its prefix', async () => {
    process.env[variable] = 'sk-1'
    const headers = new AddedHeaders({ authorization: fromEnv, 'x-team': { from: 'text', text: 'support' } })
    expect(await headers.refresh()).toBeNull()
    expect(headers.lines).toBe('authorization: Bearer sk-1\r\nx-team: support\r\n')
  })

  test('a file is read without the end of its line, and again when it has changed', async () => {
    const path = join(tempFolder(), 'key')
    await writeFile(path, 'sk-1\n')
    const headers = new AddedHeaders({ 'x-api-key': { from: 'file', path, prefix: '' } })
    expect(headers.lines).toBe('x-api-key: sk-1\r\n')
    await writeFile(path, 'sk-2\n')
    expect(await headers.refresh()).toBeNull()
    expect(headers.lines).toBe('x-api-key: sk-2\r\n')
    await rm(path)
    expect(await headers.refresh()).toEqual({ name: 'x-api-key', detail: `the file ${path} cannot be read` })
    expect(headers.lines).toBe('x-api-key: sk-2\r\n')
  })

  test('what cannot be had is told without a look at the disk anew', async () => {
    const path = join(tempFolder(), 'key')
    const problemOf = (header: AddedHeader) => new AddedHeaders({ 'x-key': header }).problem
    const fromFile: AddedHeader = { from: 'file', path, prefix: '' }
    expect(problemOf(fromEnv)).toEqual({ name: 'x-key', detail: `the environment variable ${variable} is not set` })
    expect(problemOf(fromFile)).toEqual({ name: 'x-key', detail: `the file ${path} cannot be read` })
    process.env[variable] = 'sk-1'
    await writeFile(path, 'sk-1')
    expect([problemOf(fromEnv), problemOf(fromFile)]).toEqual([null, null])
  })

  test('what a machine lacks for the calls of a server is told, its authorities too', async () => {
    const ca = join(tempFolder(), 'ca.pem')
    expect(lackedFor({ headers: { authorization: fromEnv } })).toContain(variable)
    expect(lackedFor({ tls: { ca } })).toContain(ca)
    expect(lackedFor({ headers: { 'x-team': { from: 'text', text: 'support' } } })).toBeNull()
  })

  test('a version whose secret is not there is refused, by the place that is wrong', async () => {
    await expect(createUrlDriver().check(version({ authorization: fromEnv }))).rejects.toMatchObject({
      code: 'invalid-resource',
      problems: [{ path: 'headers.authorization', message: `the environment variable ${variable} is not set` }],
    })
  })

  test('a secret that no field can have is refused, and not told', async () => {
    process.env[variable] = 'sk-1\r\nx-evil: 1'
    const refused = await createUrlDriver()
      .check(version({ authorization: fromEnv }))
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ problems: [{ message: expect.stringContaining('no header field can have') }] })
    expect(JSON.stringify(refused) + String(refused)).not.toContain('sk-1')
    expect(new AddedHeaders({ authorization: fromEnv }).lines).toBe('')
  })

  test('a version whose secret has gone waits for it, and says for what', async () => {
    const asked: (string | undefined)[] = []
    const server = createServer((req, res) => {
      asked.push(req.headers.authorization)
      res.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const port = (server.address() as AddressInfo).port
    const { name, backend, instances } = version({ authorization: fromEnv })
    if (backend.kind !== 'url') throw new Error('not a url')
    const waiting = Promise.withResolvers<string>()
    const ready = Promise.withResolvers<void>()
    const quiet = { info: () => {}, warn: () => {}, error: () => {} }
    const replica = createUrlDriver().start(
      {
        ...{ id: 'i1', endpoint: 'support', index: 0, clock: systemClock, logger: quiet },
        version: { name, instances, backend: { ...backend, addresses: [`http://127.0.0.1:${port}`] } },
      },
      {
        ...{ unhealthy: () => {}, failing: () => {}, ended: () => {} },
        waiting: detail => waiting.resolve(detail),
        ready: () => ready.resolve(),
      },
    )
    expect(await waiting.promise).toBe(`header authorization: the environment variable ${variable} is not set`)
    expect(asked).toEqual([])
    process.env[variable] = 'sk-1'
    await ready.promise
    expect(asked).toEqual(['Bearer sk-1'])
    await replica.end()
    server.close()
  })
})
