import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Backend, VersionSpec } from '../../src/core/endpoint.ts'
import type { ControlEvent } from '../../src/core/event.ts'
import { limits } from '../../src/core/limits.ts'
import { newsOf, type RegistryNews } from '../../src/core/registry/news.ts'
import { candidateWord, type Found, type Registry } from '../../src/core/registry/registry.ts'
import { asksForPath, planFor, versionFrom, versionName } from '../../src/core/registry/template.ts'
import { withFoundVersion, withFoundVersions } from '../../src/core/registry/versions.ts'
import type { ControlState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { endpointSpec, happen, releasePlan } from '../support/releases.ts'

const { planVersion: _planVersion, endpoint: _endpoint, from: _from, to: _to, ...plan } = releasePlan()

const registry = (over: Partial<Registry> = {}): Registry => ({
  source: {
    from: 'mlflow',
    url: 'http://mlflow',
    model: 'fraud',
    alias: 'challenger',
    champion: 'champion',
    token: null,
  },
  everyMs: 30_000,
  name: 'm{version}',
  template: { backend: { kind: 'onnx', path: '{path}/model.onnx' }, instances: 2 },
  plan,
  ...over,
})

const found = (over: Partial<Found> = {}): Found => ({
  version: '7',
  model: 'fraud',
  uri: 's3://b/7',
  tags: {},
  ...over,
})

const origin = { registry: 'mlflow:fraud', version: '7' }
const m7: VersionSpec = { name: 'm7', backend: { kind: 'onnx', path: '/models/7/model.onnx' }, instances: 2, origin }

describe('the name of a found version', () => {
  it('is what the registry says where that is a name', () => {
    expect(versionName(registry(), found(), 'digits')).toBe('m7')
    expect(versionName(registry({ name: '{model}-{version}' }), found(), 'digits')).toBe('fraud-7')
    expect(versionName(registry({ name: '{model}-{version}' }), found({ model: null }), 'digits')).toBe('digits-7')
  })

  it('is a valid one whatever the version is called, and another one for another version', () => {
    const isName = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    fc.assert(
      fc.property(text, text, fc.constantFrom('m{version}', '{version}', '{model}-{version}'), (one, other, name) => {
        const nameOf = (version: string) => versionName(registry({ name }), found({ version }), 'digits')
        expect(nameOf(one)).toMatch(isName)
        expect(nameOf(one).length).toBeLessThanOrEqual(limits.nameLengthMax)
        expect(nameOf(one)).toBe(nameOf(one))
        if (one !== other) expect(nameOf(one)).not.toBe(nameOf(other))
      }),
    )
  })
})

const from = (backend: Backend, over: Partial<Found> = {}) =>
  versionFrom(registry({ template: { backend, instances: 1 } }), { ...found(over), path: '/m/7' }, 'm7')

const ready = { path: '/', timeoutMs: 1, unknownIsReady: true }
const url = (address: string): Backend => ({ kind: 'url', addresses: [address], ready })

describe('a version template', () => {
  it('is filled in with what was found, and keeps where that came from', () => {
    expect(versionFrom(registry(), { ...found(), path: '/models/7' }, 'm7')).toEqual({ version: m7 })
    const argv = ['serve', '{uri}', '{model}:{version}', '--port', '{port}']
    const command: Backend = { kind: 'command', argv, cwd: '{path}', env: { HOST: '{tags.host}', J: '{"a":1}' }, ready }
    expect(from(command, { tags: { host: 'h' } })).toMatchObject({
      version: {
        backend: {
          argv: ['serve', 's3://b/7', 'fraud:7', '--port', '{port}'],
          cwd: '/m/7',
          env: { HOST: 'h', J: '{"a":1}' },
        },
      },
    })
  })

  it('asks for files only where it names them', () => {
    expect(asksForPath(registry())).toBe(true)
    expect(asksForPath(registry({ template: { backend: url('http://{tags.host}'), instances: 1 } }))).toBe(false)
  })

  it.each([
    ['a tag that the version lacks', url('http://{tags.host}:1'), {}, 'version 7 has no tag host'],
    ['an inherited word as a tag', url('http://{tags.constructor}:1'), {}, 'version 7 has no tag constructor'],
    ['a place that nobody told', url('http://h/{uri}'), { uri: null }, 'version 7 has no uri'],
    [
      'a tag that is no host',
      url('http://{tags.host}'),
      { tags: { host: 'a b' } },
      /"http:\/\/a b" is not a base address/,
    ],
    ['a tag that adds a query', url('http://{tags.host}'), { tags: { host: 'a?x=1' } }, /is not a base address/],
  ] as const)('with %s is none', (_, backend, over, problem) => {
    expect(from(backend, over)).toEqual({
      problem: typeof problem === 'string' ? problem : expect.stringMatching(problem),
    })
  })

  it('has its plan name the found version wherever the candidate stands', () => {
    const stages = [{ kind: 'shadow', challengers: [candidateWord] }] as never
    expect(planFor(registry({ plan: { ...plan, stages } }), { endpoint: 'digits', version: 'm7' })).toMatchObject({
      endpoint: 'digits',
      to: 'm7',
      stages: [{ challengers: ['m7'] }],
    })
  })
})

const specWith = (versions: readonly VersionSpec[]) => {
  const spec = endpointSpec({ registry: registry() })
  return { ...spec, versions: { ...spec.versions, ...Object.fromEntries(versions.map(one => [one.name, one])) } }
}

const happened = (...events: ControlEvent[]): ControlState =>
  fold(events.map((event, index) => ({ seq: index + 1, atMs: index, event })))

const released = (to: string, release = 'digits-1') => happen.released(releasePlan({ to }), release)
const operator = (verb: 'promote' | 'abort', release = 'digits-1'): ControlEvent => {
  return { type: 'operator', release, verb, actor: 'ada', note: null }
}
const ready7: ControlEvent = { type: 'fleet-ready', endpoint: 'digits', version: 'm7' }
const applied = (epoch: number): ControlEvent => ({ type: 'traffic-applied', endpoint: 'digits', epoch })

const running = [
  happen.applied(specWith([m7])),
  { type: 'fleet-ready', endpoint: 'digits', version: 'v1' } as const,
  applied(1),
  released('m7'),
  ready7,
]
const promotedM7 = (): ControlState => {
  const state = happened(...running, operator('promote'))
  return step(state, applied(state.endpoints['digits']?.table.epoch ?? 0), 100).state
}
const told = (state: ControlState, news: RegistryNews): ControlState =>
  step(state, { type: 'registry-told', endpoint: 'digits', news }, 200).state

describe('what a registry is told', () => {
  it('is nothing before anything has ended, and nothing of versions that people declared', () => {
    expect(newsOf(happened(...running), 'digits')).toEqual([])
    expect(newsOf(happened(happen.applied(specWith([])), released('v2'), operator('abort')), 'digits')).toEqual([])
    expect(newsOf(happened(happen.applied()), 'digits')).toEqual([])
  })

  it('is who serves and how the release ended, until it has been told', () => {
    const state = promotedM7()
    const champion: RegistryNews = { kind: 'champion', registry: 'mlflow:fraud', version: '7', was: null }
    const verdict: RegistryNews = {
      kind: 'verdict',
      release: 'digits-1',
      version: '7',
      verdict: 'promoted',
      reason: '',
    }
    expect(newsOf(state, 'digits')).toEqual([verdict, champion])
    expect(newsOf(told(state, verdict), 'digits')).toEqual([champion])
    expect(newsOf(told(told(state, verdict), champion), 'digits')).toEqual([])
  })

  it('is heard once: telling again changes nothing', () => {
    for (const news of newsOf(promotedM7(), 'digits')) {
      const once = told(promotedM7(), news)
      expect(told(once, news)).toBe(once)
    }
  })

  it('has the reason of a release that went back', () => {
    const [verdict] = newsOf(happened(...running, operator('abort')), 'digits')
    const phase = happened(...running, operator('abort'), applied(3)).releases['digits-1']?.phase
    expect(verdict ?? newsOf(happened(...running, operator('abort'), applied(3)), 'digits')[0]).toMatchObject({
      verdict: 'rolled-back',
      reason: phase?.kind === 'rolled-back' ? phase.reason : '',
    })
  })

  it('is said of its own versions alone when another registry takes its place', () => {
    const state = newsOf(promotedM7(), 'digits').reduce(told, promotedM7())
    const source = { from: 'manifest', url: 'http://m/latest.json' } as const
    const spec = state.endpoints['digits']?.spec ?? endpointSpec()
    const moved = step(state, happen.applied({ ...spec, registry: registry({ source }) }), 300).state
    expect(newsOf(moved, 'digits')).toEqual([])
  })
})

const foundVersion = (number: number): VersionSpec => ({
  ...m7,
  name: `m${number}`,
  origin: { registry: 'mlflow:fraud', version: String(number) },
})

describe('found versions of an endpoint', () => {
  it('stay when its document is applied again, which does not know of them', () => {
    const state = happened(happen.applied(specWith([m7])))
    expect(withFoundVersions(state, endpointSpec({ registry: registry() })).versions['m7']).toEqual(m7)
  })

  it('go with the registry, but for those that are needed', () => {
    expect(withFoundVersions(happened(happen.applied(specWith([m7]))), endpointSpec()).versions['m7']).toBeUndefined()
    expect(withFoundVersions(promotedM7(), endpointSpec()).versions['m7']).toEqual(m7)
    expect(withFoundVersions(happened(...running), endpointSpec()).versions['m7']).toEqual(m7)
  })

  it('keep where they came from when a document declares them as they are', () => {
    const { origin: _origin, ...plain } = m7
    const spec = withFoundVersions(promotedM7(), { ...endpointSpec(), versions: { m7: plain } })
    expect(spec.versions).toEqual({ m7 })
  })

  it('are bounded: of those that nobody needs the oldest go, the newest stay', () => {
    const numbers = Array.from({ length: limits.registryVersionsKept + 5 }, (_, index) => index + 100)
    const last = numbers.reduce((state, number) => {
      const known = state.endpoints['digits']
      if (known === undefined) throw new Error('there is no endpoint')
      const spec = withFoundVersions(state, withFoundVersion(known, foundVersion(number)))
      return step(state, happen.applied(spec), number).state
    }, promotedM7())
    const names = Object.keys(last.endpoints['digits']?.spec.versions ?? {}).filter(name => name.startsWith('m'))
    expect(names).toHaveLength(limits.registryVersionsKept + 2)
    expect(names).toContain('m7')
    expect(names.at(-1)).toBe(`m${numbers.at(-1)}`)
    expect(names).not.toContain('m100')
  })
})
