import { chmodSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../../src/adapters/clock/system.ts'
import { createMemoryRegistry } from '../../../src/adapters/registries/memory.ts'
import { createRegistries } from '../../../src/adapters/registries/registries.ts'
import type { RegistrySource } from '../../../src/core/registry/registry.ts'
import { type RegistryHarness, registryContract } from '../../contract/registry.contract.ts'
import { type FakeMlflow, startFakeMlflow } from '../../support/fake-mlflow.ts'
import { sha256 } from '../../support/sha256.ts'
import { tempFolder } from '../temp-folder.ts'

const open = (source: RegistrySource) =>
  createRegistries({ clock: systemClock, folder: join(tempFolder(), 'models'), secretOf: () => null }).open(source)

registryContract(
  'memory',
  async () => {
    const registry = createMemoryRegistry()
    return {
      registry,
      offer: async version => registry.offer({ version, model: null, uri: null, tags: {} }),
      empty: async () => registry.offer(null),
      break: async () => registry.fail('the registry is away'),
      mend: async () => registry.fail(null),
      close: async () => {},
    }
  },
  { champion: { skipped: 'it keeps what it was told as a list, which tests read' } },
)

registryContract('folder', openFolder, { champion: { skipped: 'a folder takes no news' } })

async function openFolder(): Promise<RegistryHarness> {
  const path = join(tempFolder(), 'inbox')
  mkdirSync(path)
  const fileOf = (version: string): string => join(path, `fraud-${version}.onnx`)
  const offered: string[] = []
  return {
    registry: open({ from: 'folder', path, pattern: 'fraud-{version}.onnx' }),
    async offer(version) {
      offered.push(version)
      writeFileSync(fileOf(version), 'model')
      // Long enough ago not to be still being written.
      utimesSync(fileOf(version), 1_000, 1_000)
    },
    async empty() {
      for (const version of offered) rmSync(fileOf(version))
    },
    break: async () => renameSync(path, `${path}-away`),
    mend: async () => renameSync(`${path}-away`, path),
    async close() {
      chmodSync(path, 0o700)
    },
  }
}

registryContract('manifest', openManifest, { champion: { skipped: 'a document takes no news' } })

async function openManifest(): Promise<RegistryHarness> {
  let version: string | null = null
  let broken = false
  const server = createServer((request, response) => {
    if (broken) response.writeHead(503).end('away')
    else if (version === null) response.writeHead(404).end()
    else if (request.url === '/models/latest.json') {
      const manifest = { model: 'fraud', version, file: `fraud-${version}.onnx`, sha256: sha256(`model ${version}`) }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(manifest))
    } else response.writeHead(200).end(`model ${version}`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    registry: open({ from: 'manifest', url: `http://127.0.0.1:${port}/models/latest.json` }),
    async offer(next) {
      version = next
    },
    async empty() {
      version = null
    },
    async break() {
      broken = true
    },
    async mend() {
      broken = false
    },
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
}

const fakes = new WeakMap<RegistryHarness, FakeMlflow>()

registryContract('mlflow', openMlflow, {
  champion: async harness => fakes.get(harness)?.aliases.get('fraud')?.get('champion') ?? null,
})

async function openMlflow(): Promise<RegistryHarness> {
  const fake = await startFakeMlflow()
  const source = { from: 'mlflow', url: fake.url, model: 'fraud', alias: 'challenger', champion: 'champion' } as const
  const harness: RegistryHarness = {
    registry: open({ ...source, token: null }),
    async offer(version) {
      const versions = fake.models.get('fraud') ?? new Map()
      fake.models.set('fraud', versions)
      versions.set(version, { source: `mlflow-artifacts:/1/run-${version}/artifacts/m` })
      fake.artifacts.set(`1/run-${version}/artifacts/m/model.onnx`, `model ${version}`)
      const aliases = fake.aliases.get('fraud') ?? new Map()
      fake.aliases.set('fraud', aliases.set('challenger', version))
    },
    async empty() {
      fake.aliases.get('fraud')?.delete('challenger')
    },
    async break() {
      fake.broken = 500
    },
    async mend() {
      fake.broken = null
    },
    close: () => fake.close(),
  }
  fakes.set(harness, fake)
  return harness
}
