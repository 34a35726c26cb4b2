/** What each kind of registry does beyond the contract that they share. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { systemClock } from '../../../src/adapters/clock/system.ts'
import { createFolderRegistry } from '../../../src/adapters/registries/folder.ts'
import { createRegistries } from '../../../src/adapters/registries/registries.ts'
import { limits } from '../../../src/core/limits.ts'
import type { RegistrySource } from '../../../src/core/registry/registry.ts'
import type { ModelRegistry } from '../../../src/ports/registries.ts'
import { type FakeVersion, startFakeMlflow } from '../../support/fake-mlflow.ts'
import { sha256 } from '../../support/sha256.ts'
import { tempFolder } from '../temp-folder.ts'

function opened(source: RegistrySource, secrets: Readonly<Record<string, string>> = {}, until?: AbortSignal) {
  const folder = join(tempFolder(), 'models')
  const registries = createRegistries({ clock: systemClock, folder, secretOf: ({ env }) => secrets[env] ?? null })
  return { folder, registry: registries.open(source, until) }
}

async function placeNewest(registry: ModelRegistry): Promise<string> {
  const found = await registry.newest()
  if (found === null) throw new Error('nothing is offered')
  return registry.place(found)
}

/** Versions that were fetched in whole. */
const kept = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter(name => name !== 'drafts') : []

describe('a folder', () => {
  it('takes 10 for newer than 9, and a file only once it has been at rest', async () => {
    const path = tempFolder()
    const clock = createManualClock(Date.now() - 60_000)
    const registry = createFolderRegistry({ path, pattern: 'm-{version}.onnx', clock })
    for (const name of ['m-9.onnx', 'm-10.onnx', 'm-.onnx', 'other-11.onnx', 'm-12.txt'])
      writeFileSync(join(path, name), 'x')
    expect(await registry.newest()).toBeNull()
    clock.advance(60_000 + limits.registrySettleMs + 10_000)
    expect(await registry.newest()).toMatchObject({ version: '10', uri: pathToFileURL(join(path, 'm-10.onnx')).href })
    expect(await placeNewest(registry)).toBe(join(path, 'm-10.onnx'))
  })
})

type Handler = (request: IncomingMessage, response: ServerResponse) => void

async function web(handler: Handler): Promise<string> {
  const server = createServer(handler)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>(resolve => server.close(() => resolve())))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const manifestAt = (manifest: unknown, file = 'model 7'): Promise<string> =>
  web((request, response) =>
    response.end(
      request.url === '/latest.json' ? (typeof manifest === 'string' ? manifest : JSON.stringify(manifest)) : file,
    ),
  )

describe('a manifest', () => {
  it('has its file fetched once, checked and kept', async () => {
    const manifest = {
      version: '7',
      file: 'files/fraud 7.onnx',
      sha256: sha256('model 7').toUpperCase(),
      tags: { host: 'h', size: 3, more: {} },
    }
    const asked: string[] = []
    const url = await web((request, response) => {
      asked.push(request.url ?? '')
      response.end(request.url === '/latest.json' ? JSON.stringify(manifest) : 'model 7')
    })
    const { registry, folder } = opened({ from: 'manifest', url: `${url}/latest.json` })
    const place = await placeNewest(registry)
    await placeNewest(registry)
    expect(readFileSync(place, 'utf8')).toBe('model 7')
    expect(kept(folder)).toHaveLength(1)
    expect(asked.filter(path => path === '/files/fraud%207.onnx')).toHaveLength(1)
    expect((await registry.newest())?.tags).toEqual({ host: 'h', size: '3' })
  })

  it.each([
    [
      'a file that is another one',
      { version: '7', file: 'f', sha256: sha256('another') },
      /has sha256 .* not .* as stated/,
    ],
    ['a file without checksum', { version: '7', file: 'f' }, /states no sha256/],
    ['no file', { version: '7' }, /names no file of version 7/],
    ['no version', { model: 'm' }, /states no version/],
    ['a version that is a list', { version: [1] }, /version is not text/],
    ['a version without end', { version: 'v'.repeat(501) }, /longer than 500/],
    ['a checksum that is none', { version: '7', sha256: 'abc' }, /64 hexadecimal/],
    ['a file elsewhere than on the web', { version: '7', file: 'file:///etc/passwd' }, /not an http or https address/],
    ['a list', [1], /not answer a JSON object/],
    ['no JSON', '<html>', /not answer JSON/],
  ])('with %s is refused and keeps nothing', async (_, manifest, message) => {
    const url = await manifestAt(manifest)
    const { registry, folder } = opened({ from: 'manifest', url: `${url}/latest.json` })
    await expect(placeNewest(registry)).rejects.toThrow(message)
    expect(kept(folder)).toEqual([])
    expect(existsSync(join(folder, 'drafts')) ? readdirSync(join(folder, 'drafts')) : []).toEqual([])
  })

  it('that states another file, or another checksum, of the same version has that one fetched', async () => {
    let manifest = { version: '7', file: 'old.onnx', sha256: sha256('old') }
    const url = await web((request, response) =>
      response.end(
        request.url === '/latest.json' ? JSON.stringify(manifest) : request.url?.includes('old') ? 'old' : 'new',
      ),
    )
    const { registry } = opened({ from: 'manifest', url: `${url}/latest.json` })
    const placed = async (stated: Partial<typeof manifest>): Promise<string> => {
      manifest = { ...manifest, ...stated }
      return readFileSync(await placeNewest(registry), 'utf8')
    }
    expect(await placed({})).toBe('old')
    expect(await placed({ file: 'new.onnx', sha256: sha256('new') })).toBe('new')
    await expect(placed({ file: 'old.onnx' })).rejects.toThrow(/has sha256 .* not .* as stated/)
  })

  it('that is longer than an answer may be is not read', async () => {
    const url = await manifestAt(`{"version":"7","x":"${'y'.repeat(limits.registryAnswerBytesMax)}"}`)
    await expect(opened({ from: 'manifest', url: `${url}/latest.json` }).registry.newest()).rejects.toThrow(/more than/)
  })

  it('whose file is on its way when the server ends is given up, and keeps nothing', async () => {
    const ending = new AbortController()
    const manifest = { version: '7', file: 'f', sha256: sha256('x') }
    const url = await web((request, response) => {
      if (request.url === '/latest.json') return response.end(JSON.stringify(manifest))
      response.write('x')
      ending.abort(new Error('the server ends'))
      return undefined
    })
    const { registry, folder } = opened({ from: 'manifest', url: `${url}/latest.json` }, {}, ending.signal)
    await expect(placeNewest(registry)).rejects.toThrow('the server ends')
    await expect(registry.newest()).rejects.toThrow('the server ends')
    expect([...kept(folder), ...readdirSync(join(folder, 'drafts'))]).toEqual([])
  })

  it('that has moved on is not taken for the version that was found', async () => {
    let version = '7'
    const url = await web((_, response) => response.end(JSON.stringify({ version, file: 'f', sha256: sha256('x') })))
    const { registry } = opened({ from: 'manifest', url })
    const found = await registry.newest()
    version = '8'
    if (found === null) throw new Error('nothing is offered')
    await expect(registry.place(found)).rejects.toThrow(/does not offer 7 any more/)
  })
})

async function mlflow(version: FakeVersion, token: string | null = null, until?: AbortSignal) {
  const fake = await startFakeMlflow()
  onTestFinished(() => fake.close())
  fake.models.set('fraud', new Map([['7', version]]))
  fake.aliases.set('fraud', new Map([['challenger', '7']]))
  fake.token = token
  const source: RegistrySource = {
    from: 'mlflow',
    url: `${fake.url}/`,
    model: 'fraud',
    alias: 'challenger',
    champion: 'champion',
    token: token === null ? null : { env: 'MLFLOW_TOKEN' },
  }
  return { fake, source, ...opened(source, { MLFLOW_TOKEN: 'secret' }, until) }
}

describe('MLflow', () => {
  it('is asked nothing more when the server ends', async () => {
    const { registry } = await mlflow({ source: '/models/7' }, null, AbortSignal.abort(new Error('the server ends')))
    await expect(registry.newest()).rejects.toThrow('the server ends')
  })

  it('is told the verdict as tags of the version', async () => {
    const { registry, fake } = await mlflow({ source: '/models/7' })
    await registry.tell({ kind: 'verdict', release: 'r', version: '7', verdict: 'rolled-back', reason: 'errors rose' })
    expect(fake.models.get('fraud')?.get('7')?.tags).toEqual({
      'cutover.verdict': 'rolled-back',
      'cutover.reason': 'errors rose',
    })
  })

  it('offers a version with its tags, and none that is not ready or of a model that is not there', async () => {
    const { registry, fake } = await mlflow({ source: 's3://b/7', tags: { host: 'h:1', page: 'x'.repeat(501) } })
    expect(await registry.newest()).toEqual({ version: '7', model: 'fraud', uri: 's3://b/7', tags: { host: 'h:1' } })
    fake.models.get('fraud')?.set('7', { source: 's3://b/7', status: 'PENDING_REGISTRATION' })
    expect(await registry.newest()).toBeNull()
    fake.models.delete('fraud')
    expect(await registry.newest()).toBeNull()
  })

  it('gets the token with every request, also for files; without it the reason is said', async () => {
    const { registry, fake, source } = await mlflow({ source: 'mlflow-artifacts:/1/a/m' }, 'secret')
    fake.artifacts.set('1/a/m/model.onnx', 'model')
    expect(readFileSync(join(await placeNewest(registry), 'model.onnx'), 'utf8')).toBe('model')
    await expect(opened(source, { MLFLOW_TOKEN: 'wrong' }).registry.newest()).rejects.toThrow(
      /answered 401: who are you/,
    )
    await expect(opened(source).registry.newest()).rejects.toThrow('the variable MLFLOW_TOKEN holds no token')
  })

  it('has files that are on this machine used where they are', async () => {
    const model = join(tempFolder(), 'model 7')
    mkdirSync(model)
    for (const source of [model, pathToFileURL(model).href]) {
      const { registry, folder } = await mlflow({ source })
      expect(await placeNewest(registry)).toBe(model)
      expect(kept(folder)).toEqual([])
    }
    await expect(placeNewest((await mlflow({ source: '/no/such/model' })).registry)).rejects.toThrow(
      /not on this machine/,
    )
  })

  it('has files that it hands out fetched, folders and odd names too', async () => {
    const { registry, fake } = await mlflow({ source: 'mlflow-artifacts:/1/a/m' })
    fake.artifacts.set('1/a/m/MLmodel', 'flavors').set('1/a/m/data/ä b?.bin', 'weights').set('1/a/other', 'not ours')
    const place = await placeNewest(registry)
    expect(readdirSync(place, { recursive: true }).toSorted()).toEqual(['MLmodel', 'data', 'data/ä b?.bin'])
    expect(readFileSync(join(place, 'data/ä b?.bin'), 'utf8')).toBe('weights')
  })

  it('has nothing of a version kept when one of its files does not come', async () => {
    const { registry, fake, folder } = await mlflow({ source: 'mlflow-artifacts:/1/a/m' })
    fake.artifacts.set('1/a/m/one', 'x').set('1/a/m/two', 'y')
    fake.lost.add('1/a/m/two')
    await expect(placeNewest(registry)).rejects.toThrow(/answered 404/)
    expect(kept(folder)).toEqual([])
    fake.lost.clear()
    expect(readdirSync(await placeNewest(registry)).toSorted()).toEqual(['one', 'two'])
  })

  it.each(['../up', '..', 'a/b', ''])('may not list a file as %j', async name => {
    const url = await web((request, response) => {
      const files = request.url?.includes('mlflow-artifacts') === true
      const version = { model_version: { version: '7', source: 'x' }, artifact_uri: 'mlflow-artifacts:/1/m' }
      response.end(JSON.stringify(files ? { files: [{ path: name, is_dir: false }] } : version))
    })
    const mlflowAt = { from: 'mlflow', url, model: 'fraud', alias: 'a', champion: 'c', token: null } as const
    const { registry, folder } = opened(mlflowAt)
    await expect(placeNewest(registry)).rejects.toThrow(/no name of a file/)
    expect(kept(folder)).toEqual([])
  })

  it('says of other stores what to do', async () => {
    const { registry } = await mlflow({ source: 's3://bucket/7' })
    await expect(placeNewest(registry)).rejects.toThrow('files at s3: are not fetched: leave {path} out and use {uri}')
  })
})
