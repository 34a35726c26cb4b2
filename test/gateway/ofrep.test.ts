/** OFREP on a real socket: as the protocol says, and as the provider of OpenFeature reads it. */
import { OFREPProvider } from '@openfeature/ofrep-provider'
import { OpenFeature } from '@openfeature/server-sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FlagSpec } from '../../src/core/flags/flag.ts'
import { flagApplied } from '../../src/core/flags/flags-state.ts'
import { limits } from '../../src/core/limits.ts'
import { flag, flagsOf, rollout, word } from '../core/flags/support.ts'
import { type Rig, startRig } from '../support/gateway-rig.ts'

const theme: FlagSpec = flag({
  name: 'theme',
  type: 'object',
  variants: { dark: { colours: ['black', 'grey'] }, light: { colours: ['white'] } },
  off: 'light',
  default: { kind: 'variant', variant: 'light' },
  rules: [
    {
      name: 'pro',
      when: [{ kind: 'attribute', attribute: 'plan', test: { op: 'in', values: ['pro'] } }],
      serve: { kind: 'variant', variant: 'dark' },
    },
  ],
  metadata: { owner: 'web', ticket: 12, public: true },
})
const { off: _none, ...bare } = flag({ name: 'retired', enabled: false })
const flags = flagsOf([
  theme,
  bare,
  flag({ default: rollout(500_000) }),
  flag({
    name: 'limit',
    type: 'number',
    variants: { low: 10, high: 100.5 },
    off: 'low',
    default: { kind: 'variant', variant: 'high' },
  }),
  flag({
    name: 'greeting',
    type: 'string',
    variants: { hi: 'hi' },
    off: 'hi',
    default: { kind: 'variant', variant: 'hi' },
  }),
  flag({ name: 'broken', targeting: { no_such: [] } }),
  flag({ name: 'a/b c', default: { kind: 'variant', variant: 'on' } }),
])

let rig: Rig
let base: string

beforeAll(async () => {
  rig = await startRig()
  rig.gateway.applyFlags(flags)
  base = `http://127.0.0.1:${rig.port}`
})
afterAll(() => rig.close())

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${base}/ofrep/v1/evaluate/flags${path}`, { method: 'POST', body: text, headers })
  const answer = await response.text()
  return { status: response.status, headers: response.headers, body: answer === '' ? null : JSON.parse(answer) }
}

describe('one flag', () => {
  it.each<[string, string, unknown, number, object]>([
    [
      'a value with its variant, reason and metadata',
      '/theme',
      { context: { plan: 'pro' } },
      200,
      {
        key: 'theme',
        value: { colours: ['black', 'grey'] },
        variant: 'dark',
        reason: 'TARGETING_MATCH',
        metadata: { owner: 'web', ticket: 12, public: true },
      },
    ],
    [
      'a default',
      '/theme',
      { context: {} },
      200,
      {
        key: 'theme',
        value: { colours: ['white'] },
        variant: 'light',
        reason: 'DEFAULT',
        metadata: { owner: 'web', ticket: 12, public: true },
      },
    ],
    [
      'no value for one that is switched off and has no off variant',
      '/retired',
      {},
      200,
      { key: 'retired', reason: 'DISABLED' },
    ],
    [
      'a flag whose key is encoded',
      '/a%2Fb%20c',
      {},
      200,
      { key: 'a/b c', value: true, variant: 'on', reason: 'STATIC' },
    ],
    [
      'that there is none',
      '/nothing',
      {},
      404,
      { key: 'nothing', errorCode: 'FLAG_NOT_FOUND', errorDetails: 'there is no flag nothing' },
    ],
    [
      'that the unit is missing',
      '/ranker',
      { context: {} },
      400,
      { key: 'ranker', errorCode: 'TARGETING_KEY_MISSING' },
    ],
    ['that its targeting cannot be read', '/broken', {}, 400, { key: 'broken', errorCode: 'PARSE_ERROR' }],
    ['that the body is not JSON', '/theme', '{', 400, { key: 'theme', errorCode: 'PARSE_ERROR' }],
    ['that the body is no object', '/theme', [], 400, { key: 'theme', errorCode: 'PARSE_ERROR' }],
    [
      'that the context is no object',
      '/theme',
      { context: 'ann' },
      400,
      { key: 'theme', errorCode: 'INVALID_CONTEXT' },
    ],
    [
      'that the targeting key is no text',
      '/theme',
      { context: { targetingKey: 7 } },
      400,
      { key: 'theme', errorCode: 'INVALID_CONTEXT' },
    ],
  ])('is answered with %s', async (_, path, body, status, expected) => {
    const answer = await post(path, body)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/json')
    if (status === 200) expect(answer.body).toEqual(expected)
    else expect(answer.body).toMatchObject(expected)
  })
})

describe('all flags', () => {
  it('are answered as each by itself, failures among them', async () => {
    const context = { targetingKey: 'ann', plan: 'pro' }
    const { status, body } = await post('', { context })
    expect(status).toBe(200)
    expect(body.flags).toHaveLength(flags.flags === undefined ? 0 : Object.keys(flags.flags).length)
    for (const one of body.flags) expect((await post(`/${encodeURIComponent(one.key)}`, { context })).body).toEqual(one)
  })

  it('carry a tag of what this context gets, and none are sent again while it holds', async () => {
    const ann = await post('', { context: { targetingKey: 'ann', plan: 'pro' } })
    const bob = await post('', { context: { targetingKey: 'bob' } })
    const tag = ann.headers.get('etag') ?? ''
    expect(tag).toMatch(/^"[\w-]{43}"$/)
    expect(bob.headers.get('etag')).not.toBe(tag)
    const again = await post(
      '',
      { context: { targetingKey: 'ann', plan: 'pro' } },
      { 'if-none-match': `"x", W/${tag}` },
    )
    expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, null, tag])
    const other = await post('', { context: { targetingKey: 'bob' } }, { 'if-none-match': tag })
    expect(other.status).toBe(200)
  })

  it('have another tag once a flag of theirs has changed', async () => {
    const context = { targetingKey: 'ann' }
    const tag = (await post('', { context })).headers.get('etag') ?? ''
    rig.gateway.applyFlags(flagApplied(flags, { ...theme, enabled: false }, word))
    const after = await post('', { context }, { 'if-none-match': tag })
    rig.gateway.applyFlags(flags)
    expect(after.status).toBe(200)
    expect((await post('', { context }, { 'if-none-match': tag })).status).toBe(304)
  })
})

describe('the surface', () => {
  it('takes POST alone and contexts up to a size', async () => {
    const read = await fetch(`${base}/ofrep/v1/evaluate/flags`)
    expect([read.status, read.headers.get('allow')]).toEqual([405, 'POST'])
    const large = await post('/theme', { context: { text: 'x'.repeat(limits.flagContextBytesMax) } })
    expect(large.status).toBe(413)
    const bad = await post('/%ff', {})
    expect(bad).toMatchObject({ status: 400, body: { key: '%ff', errorCode: 'PARSE_ERROR' } })
    for (const refusal of [await read.json(), large.body])
      expect(refusal).toEqual({ errorCode: 'GENERAL', errorDetails: expect.stringMatching(/POST|longer than/) })
  })
})

describe('the provider of OpenFeature', () => {
  const client = () => OpenFeature.getClient()

  beforeAll(async () => {
    await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: base }))
  })
  afterAll(() => OpenFeature.close())

  it('reads values of every type', async () => {
    const ann = { targetingKey: 'ann', plan: 'pro' }
    expect(typeof (await client().getBooleanValue('ranker', false, ann))).toBe('boolean')
    expect(await client().getNumberValue('limit', 0, ann)).toBe(100.5)
    expect(await client().getStringValue('greeting', 'code', ann)).toBe('hi')
    expect(await client().getObjectDetails('theme', {}, ann)).toMatchObject({
      value: { colours: ['black', 'grey'] },
      variant: 'dark',
      reason: 'TARGETING_MATCH',
      flagMetadata: { owner: 'web', ticket: 12, public: true },
    })
  })

  it.each([
    ['nothing', 'FLAG_NOT_FOUND'],
    ['ranker', 'TARGETING_KEY_MISSING'],
    ['broken', 'PARSE_ERROR'],
    ['greeting', 'TYPE_MISMATCH'],
  ])('takes the value in the code for %s, which is %s', async (key, errorCode) => {
    expect(await client().getBooleanDetails(key, true, {})).toMatchObject({ value: true, errorCode })
  })

  it('takes the value in the code for a flag that is switched off without another', async () => {
    expect(await client().getBooleanValue('retired', true, {})).toBe(true)
  })
})
