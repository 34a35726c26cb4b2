import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { resolvePaths } from '../../src/contract/resource-paths.ts'
import type { Resource } from '../../src/contract/resources.ts'
import { candidateWord, type Registry } from '../../src/core/registry/registry.ts'
import { changed, digits } from '../support/documents.ts'
import { thrownBy } from '../support/thrown.ts'

const stages = [{ canary: { steps: ['5%'] } }]
const mlflow = { url: 'http://127.0.0.1:5000', model: 'fraud' }
const registry = { mlflow, version: { onnx: '{path}/model.onnx', instances: 2 }, release: { stages } }
const watched = { ...digits, registry }

function compiled(over: Readonly<Record<string, unknown>>): Registry {
  const resource = validateResource(resolvePaths({ ...digits, registry: { ...registry, ...over } }, '/work'))
  const made = compileResource(resource)
  if (made.kind !== 'Endpoint' || made.spec.registry === undefined) throw new Error('there is no registry')
  return made.spec.registry
}

describe('a registry of an endpoint', () => {
  it('has every default filled in', () => {
    expect(compiled({})).toMatchObject({
      source: { from: 'mlflow', ...mlflow, alias: 'challenger', champion: 'champion', token: null },
      everyMs: 30_000,
      name: 'm{version}',
      template: { backend: { kind: 'onnx', path: '{path}/model.onnx' }, instances: 2 },
      plan: { stages: [{ kind: 'canary' }], guardrails: [{ metric: 'error-rate' }], onFail: 'rollback' },
    })
  })

  it('has the found version stand for itself in stages that name the candidate by default', () => {
    const { plan } = compiled({ release: { stages: [{ shadow: { until: { pairs: 100 } } }, ...stages] } })
    expect(plan.stages[0]).toMatchObject({ challengers: [candidateWord] })
    expect('to' in plan || 'endpoint' in plan).toBe(false)
  })

  it('has its paths made absolute, but for those that begin with what is found', () => {
    const folder = { folder: { path: 'inbox', pattern: 'fraud-{version}.onnx' }, mlflow: undefined }
    expect(compiled({ ...folder, version: { onnx: '{path}' } })).toMatchObject({
      source: { from: 'folder', path: '/work/inbox' },
      template: { backend: { path: '{path}' } },
    })
    const version = { command: ['serve', '{uri}', '{port}'] }
    expect(compiled({ version }).template.backend).toMatchObject({ cwd: '/work' })
    const plain: Resource = validateResource({ ...digits, registry: { ...registry, ...folder } })
    expect(thrownBy(() => compileResource(plain)).problems).toMatchObject([{ path: 'registry.folder.path' }])
  })

  const refused: [string, (string | number)[], unknown, string, string[]][] = [
    ['no source', ['mlflow'], undefined, 'registry', ['mlflow', 'folder', 'manifest']],
    ['two sources', ['manifest'], { url: 'http://h/m.json' }, 'registry', ['mlflow', 'folder', 'manifest']],
    [
      'an unknown key',
      ['mlflow', 'stage'],
      'Staging',
      'registry.mlflow.stage',
      ['url', 'model', 'alias', 'champion', 'token'],
    ],
    [
      'an address that is none',
      ['mlflow', 'url'],
      'mlflow',
      'registry.mlflow.url',
      ['http://host:port/path', 'https://…'],
    ],
    ['a token in the file', ['mlflow', 'token'], { value: 's' }, 'registry.mlflow.token.value', ['env']],
    ['a look every moment', ['every'], '10ms', 'registry.every', ['from 1s']],
    ['a name for all of them', ['name'], 'next', 'registry.name', ['m{version}', '{model}-{version}']],
    ['a template without placeholder', ['version'], { onnx: '/m.onnx' }, 'registry.version', []],
    ['a placeholder that is none', ['version'], { onnx: '{file}' }, 'registry.version.onnx', []],
    ['a template without backend', ['version'], { instances: 2 }, 'registry.version', []],
    ['a release that names its candidate', ['release', 'to'], 'v2', 'registry.release.to', []],
    ['a release without stages', ['release'], {}, 'registry.release.stages', []],
    [
      'a pattern without version',
      ['folder'],
      { path: '/m', pattern: '*.onnx' },
      'registry.folder.pattern',
      ['fraud-{version}.onnx'],
    ],
  ]
  it.each(refused)('with %s is refused', (_, path, value, where, allowed) => {
    const { code, problems } = thrownBy(() => validateResource(changed(watched, ['registry', ...path], value)))
    expect(code).toBe('invalid-resource')
    const problem = problems.find(one => one.path === where)
    expect(problems.map(one => one.path)).toContain(where)
    if (allowed.length > 0) expect(problem?.allowed).toEqual(allowed)
  })

  it('may ask a folder for no tags: it has none', () => {
    const folder = { path: '/m', pattern: '{version}.onnx' }
    const version = { url: 'http://{tags.host}' }
    const { problems } = thrownBy(() =>
      validateResource({ ...digits, registry: { folder, version, release: { stages } } }),
    )
    expect(problems).toEqual([
      expect.objectContaining({ path: 'registry.version.url', allowed: ['{version}', '{model}', '{path}', '{uri}'] }),
    ])
  })
})
