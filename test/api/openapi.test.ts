import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { call } from '../support/http.ts'

type Operation = {
  operationId: string
  responses: Record<string, unknown>
  requestBody?: { required?: boolean }
  parameters?: { name: string; in: string }[]
}
type Document = {
  openapi: string
  info: Record<string, unknown>
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

let server: ControlServer
let document: Document
beforeAll(async () => {
  server = await startControlServer()
  document = (await call<Document>(`${server.url}/api/openapi.json`)).body
})
afterAll(() => server.close())

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )

describe('the OpenAPI document', () => {
  it('covers every route of the public surface', () => {
    expect(
      operations()
        .map(({ path, method }) => `${method} ${path}`)
        .toSorted(),
    ).toEqual(
      [
        'get /',
        'get /api/v1/keys',
        'post /api/v1/keys',
        'post /api/v1/keys/{key}/rotate',
        'delete /api/v1/keys/{key}',
        'get /healthz',
        'get /readyz',
        'get /metrics',
        'get /api/openapi.json',
        'get /api/v1/endpoints',
        'post /api/v1/endpoints',
        'get /api/v1/endpoints/{name}',
        'delete /api/v1/endpoints/{name}',
        'get /api/v1/endpoints/{name}/drift',
        'get /api/v1/endpoints/{name}/labels',
        'post /api/v1/apply',
        'get /api/v1/versions',
        'get /api/v1/metrics',
        'get /api/v1/releases',
        'post /api/v1/releases',
        'get /api/v1/releases/{id}',
        'get /api/v1/releases/{id}/explain',
        'get /api/v1/releases/{id}/events',
        'post /api/v1/releases/{id}/{verb}',
        'get /api/v1/events',
        'get /api/v1/deliveries',
        'get /api/v1/predictions',
        'get /api/v1/predictions/summary',
        'get /api/v1/predictions/{id}',
        'get /api/v1/flags',
        'post /api/v1/flags',
        'get /api/v1/flags/{name}',
        'delete /api/v1/flags/{name}',
        'get /api/v1/flags/{name}/history',
        'post /api/v1/flags/{name}/undo',
        'post /api/v1/flags/{name}/enable',
        'post /api/v1/flags/{name}/disable',
        'post /api/v1/flags/{name}/serve',
        'post /api/v1/flags/{name}/evaluate',
        'post /api/v1/flags/import',
        'get /api/v1/segments',
        'get /api/v1/segments/{name}',
        'delete /api/v1/segments/{name}',
        'post /api/v1/segments',
        'get /api/v1/segments/{name}/history',
        'post /api/v1/segments/{name}/undo',
        'post /api/v1/advise',
        'post /api/v1/backtest',
        'post /api/v1/backtest/release',
        'post /api/v1/simulate',
      ].toSorted(),
    )
  })

  it('has the structure of OpenAPI 3.1', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toMatchObject({ title: expect.any(String), version: '1.2.3' })
    const ids = operations().map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations()) {
      expect(Object.keys(operation.responses).length, path).toBeGreaterThan(0)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = (operation.parameters ?? []).filter(parameter => parameter.in === 'path').map(({ name }) => name)
      expect(declared.toSorted(), path).toEqual(inPath.toSorted())
    }
  })

  it('refers to nothing that it does not define', () => {
    const referred = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    )
    expect(referred.length).toBeGreaterThan(20)
    const defined = Object.keys(document.components.schemas)
    expect(referred.filter(name => !defined.includes(name ?? ''))).toEqual([])
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining([
        'Endpoint',
        'Release',
        'EndpointView',
        'ReleaseView',
        'TimelineEntry',
        'Problem',
        'Change',
      ]),
    )
  })

  it('says who asks of what changes something, and of nothing else', () => {
    const asked = operations().filter(({ operation }) =>
      operation.parameters?.some(({ name, in: place }) => name === 'x-cutover-actor' && place === 'header'),
    )
    const questions = ['backtestPolicy', 'backtestRelease', 'adviseRelease', 'simulateRelease', 'evaluateFlag']
    expect(asked.map(({ operation }) => operation.operationId).toSorted()).toEqual(
      operations()
        .filter(({ method, operation }) => method !== 'get' && !questions.includes(operation.operationId))
        .map(({ operation }) => operation.operationId)
        .toSorted(),
    )
  })

  it('asks for no body where none is needed', () => {
    const optional = operations().filter(({ operation }) => operation.requestBody?.required === false)
    expect(optional.map(({ operation }) => operation.operationId).toSorted()).toEqual(
      ['operateRelease', 'enableFlag', 'disableFlag', 'evaluateFlag', 'rotateKey'].toSorted(),
    )
  })

  it('has a problem among the answers of every operation: any of them may be refused', () => {
    for (const { operation } of operations())
      expect(operation.responses, operation.operationId).toHaveProperty('default')
  })

  it('describes the bodies that change something', () => {
    const body = (path: string) => JSON.stringify(document.paths[path]?.['post']?.requestBody)
    expect(body('/api/v1/endpoints')).toContain('#/components/schemas/Endpoint"')
    expect(body('/api/v1/apply')).toContain('#/components/schemas/Release"')
    expect(body('/api/v1/releases')).toContain('#/components/schemas/ShortRelease"')
    expect(body('/api/v1/releases/{id}/{verb}')).toContain('#/components/schemas/VerbRequest"')
  })
})
