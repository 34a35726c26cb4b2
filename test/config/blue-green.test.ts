import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { thrownBy } from '../support/thrown.ts'

const release = (blueGreen: unknown, after: readonly unknown[] = []) => ({
  kind: 'Release',
  endpoint: 'digits',
  to: 'v2',
  stages: [{ blueGreen }, ...after],
})

const compiled = (blueGreen: unknown) => compileResource(validateResource(release(blueGreen)))

describe('a blue-green stage', () => {
  it('has its defaults from the schema alone', () => {
    expect(compiled({})).toMatchObject({
      plan: {
        stages: [
          {
            kind: 'blueGreen',
            preview: { header: 'x-cutover-preview', equals: 'green' },
            smoke: [],
            replay: null,
            promotion: 'automatic',
            afterMs: 0,
            watchMs: 300_000,
            keepMs: 900_000,
            shares: [],
          },
        ],
      },
    })
  })

  it('replays with defaults where no more is said, and shows itself to nobody if it is told so', () => {
    const replay = { requests: 500, agreement: 0.95, alpha: 0.05, concurrencyMax: 4, methods: ['GET', 'POST'] }
    expect(compiled({ replay: {}, preview: false })).toMatchObject({
      plan: { stages: [{ preview: null, replay: { ...replay, paths: null } }] },
    })
  })

  const expected = { statuses: [200], within: null, contains: null }
  const requests: [string, unknown, unknown][] = [
    [
      'a path alone is a GET',
      { path: '/health' },
      { method: 'GET', path: '/health', headers: {}, body: null, expect: expected },
    ],
    [
      'a body that is no text is sent as JSON',
      { path: '/infer', body: { a: [1] } },
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":[1]}' },
    ],
    [
      'a type that is given stays',
      { path: '/infer', body: [1], headers: { 'Content-Type': 'application/x' } },
      { headers: { 'Content-Type': 'application/x' }, body: '[1]' },
    ],
    ['a text is sent as it is', { path: '/infer', body: 'a,b' }, { method: 'POST', headers: {}, body: 'a,b' }],
    [
      'what is expected is in milliseconds and lists',
      { path: '/x', expect: { status: [200, 204], within: '1.5s', contains: 'ok' } },
      { expect: { statuses: [200, 204], within: 1_500, contains: 'ok' } },
    ],
  ]
  it.each(requests)('smoke: %s', (_what, smoke, request) => {
    expect(compiled({ smoke: [smoke] })).toMatchObject({ plan: { stages: [{ smoke: [request] }] } })
  })

  const refused: [string, unknown, string][] = [
    ['an unknown key', { smoke: [{ path: '/x', verb: 'GET' }] }, 'stages[0].blueGreen.smoke[0]'],
    ['a path that is none', { smoke: [{ path: 'x y' }] }, 'stages[0].blueGreen.smoke[0].path'],
    ['a method in small letters', { smoke: [{ path: '/', method: 'get' }] }, 'stages[0].blueGreen.smoke[0].method'],
    [
      'a header of the connection',
      { smoke: [{ path: '/', headers: { Host: 'a' } }] },
      'stages[0].blueGreen.smoke[0].headers.Host',
    ],
    ['an agreement that nothing shows', { replay: { agreement: '100%' } }, 'stages[0].blueGreen.replay.agreement'],
    ['more requests than are read', { replay: { requests: 1_001 } }, 'stages[0].blueGreen.replay.requests'],
    ['another way to be promoted', { promotion: 'later' }, 'stages[0].blueGreen.promotion'],
  ]
  it.each(refused)('refuses %s', (_what, stage, path) => {
    const { problems } = thrownBy(() => validateResource(release(stage)))
    expect(problems.map(one => one.path).some(one => one.startsWith(path))).toBe(true)
  })

  it('is the last one: whom it switched nobody splits again', () => {
    const { problems } = thrownBy(() => validateResource(release({}, [{ canary: {} }])))
    expect(problems).toMatchObject([{ path: 'stages[0].blueGreen', allowed: ['the last stage'] }])
  })
})
