import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readResourceFile } from '../../src/config/resource-file.ts'
import { resolvePaths } from '../../src/contract/resource-paths.ts'

const versions = (document: unknown) => (document as { versions: unknown }).versions

it('makes the paths of a document absolute and gives commands the folder of the file', () => {
  const document = {
    kind: 'Endpoint',
    versions: {
      a: { onnx: 'models/a.onnx' },
      b: { onnx: '/x/b.onnx' },
      c: { command: ['serve'] },
      d: { command: ['serve'], cwd: '../d' },
      e: { url: 'http://h:1' },
      f: { onnx: { model: 'f.onnx', 'max-batch': 2 } },
      g: { url: 'https://h:1', tls: { ca: 'tls/ca.pem', cert: '/x/c.pem', 'server-name': 'h' } },
    },
  }
  expect(versions(resolvePaths(document, '/srv/app'))).toEqual({
    a: { onnx: '/srv/app/models/a.onnx' },
    b: { onnx: '/x/b.onnx' },
    c: { command: ['serve'], cwd: '/srv/app' },
    d: { command: ['serve'], cwd: '/srv/d' },
    e: { url: 'http://h:1' },
    f: { onnx: { model: '/srv/app/f.onnx', 'max-batch': 2 } },
    g: { url: 'https://h:1', tls: { ca: '/srv/app/tls/ca.pem', cert: '/x/c.pem', 'server-name': 'h' } },
  })
})

it.each([null, 'text', [], {}, { kind: 'Endpoint', versions: 3 }, { kind: 'Release', versions: { a: { onnx: 'x' } } }])(
  'leaves %j to validation',
  document => expect(resolvePaths(document, '/srv')).toEqual(document),
)

it('keeps invalid values as they were written', () => {
  const document = {
    kind: 'Endpoint',
    versions: { a: { onnx: 3, cwd: null }, b: null, c: { onnx: '' }, d: { onnx: { model: 3 } } },
  }
  expect(resolvePaths(document, '/srv')).toEqual(document)
})

it('reads a file with its paths made absolute against its own folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-'))
  const path = join(folder, 'cutover.yaml')
  await writeFile(path, 'kind: Endpoint\nversions: { v1: { onnx: m.onnx } }\n')
  const [document] = await readResourceFile(path)
  await rm(folder, { recursive: true })
  expect(versions(document?.value)).toEqual({ v1: { onnx: join(folder, 'm.onnx') } })
  await expect(readResourceFile(path)).rejects.toMatchObject({ code: 'invalid-resource' })
})
