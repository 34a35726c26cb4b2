/** What the flags pages say, from what the server answers. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contextOfJson, contextOfPairs, pairsOf } from '../../dashboard/pages/flags/context.ts'
import { diffLines } from '../../dashboard/pages/flags/diff.ts'
import { flagPath, nameOf, ofFlag } from '../../dashboard/pages/flags/paths.ts'
import { faultAt, rolloutOf, sharesOf, totalOf, withShare, writtenOf } from '../../dashboard/pages/flags/shares.ts'
import {
  changeWords,
  matching,
  nextStep,
  ruleSentence,
  type Serving,
  servingWords,
  standingOf,
  stepWords,
} from '../../dashboard/pages/flags/words.ts'
import type { WireFlag } from '../../src/contract/wire/flag.ts'

const one = (variant: string): Serving => ({ variant, weightsPpm: null, by: null })
const rollout = (weightsPpm: Record<string, number>, by: string | null = null): Serving => ({
  variant: null,
  weightsPpm,
  by,
})

function flag(overrides: Partial<WireFlag> = {}): WireFlag {
  return {
    name: 'ranker',
    description: null,
    type: 'boolean',
    variants: { on: true, off: false },
    enabled: true,
    off: 'off',
    serving: one('on'),
    requires: [],
    rules: [],
    targeting: null,
    schedule: [],
    usedBy: [],
    unit: 'targetingKey',
    salt: 'ranker',
    metadata: {},
    revision: 1,
    changedAt: '2026-11-28T05:00:00.000Z',
    changedBy: 'ann',
    ...overrides,
  }
}

const step = (overrides: Partial<WireFlag['schedule'][number]>): WireFlag['schedule'][number] => ({
  at: '2026-12-01T09:00:00.000Z',
  rule: null,
  serving: null,
  enabled: null,
  past: false,
  ...overrides,
})

const switched = (on: boolean) => ({ path: 'enabled', before: !on, after: on })

describe('a flag', () => {
  const staff = { name: 'staff', when: ['email ends with @example.org'], serving: one('on') }
  it.each<[string, Partial<WireFlag>, string]>([
    ['is on', {}, 'On'],
    ['is on where rules decide, whatever is the default', { serving: one('off'), rules: [staff] }, 'On'],
    ['is off where everybody gets the false variant', { serving: one('off') }, 'Off'],
    ['is killed by its switch', { enabled: false }, 'Killed'],
    ['is off until its schedule switches it on', { enabled: false, schedule: [step({ enabled: true })] }, 'Off'],
    [
      'is killed where the step to switch it on has passed',
      { enabled: false, schedule: [step({ past: true, enabled: true })] },
      'Killed',
    ],
    ['of another type is on with any variant', { type: 'string', variants: { a: 'a' }, serving: one('a') }, 'On'],
  ])('%s', (_, overrides, word) => {
    expect(standingOf(flag(overrides)).word).toBe(word)
  })

  it('is found by every word of a text: name, description, variants, who owns it, what hangs on it', () => {
    const flags = [
      flag({ description: 'Ranks by the model of autumn' }),
      flag({ name: 'theme', type: 'object', variants: { dark: {}, light: {} }, metadata: { owner: 'web' } }),
      flag({
        name: 'gate',
        enabled: false,
        usedBy: [{ kind: 'release', name: 'digits-1', what: 'waits', variants: [] }],
      }),
    ]
    const found = (text: string) => matching(flags, text).map(({ name }) => name)
    expect(found('')).toEqual(['ranker', 'theme', 'gate'])
    expect(found('AUTUMN rank')).toEqual(['ranker'])
    expect(found('dark')).toEqual(['theme'])
    expect(found('web')).toEqual(['theme'])
    expect(found('digits-1 killed')).toEqual(['gate'])
    expect(found('autumn dark')).toEqual([])
  })
})

describe('an address', () => {
  it('leads to the flag that it names, encoded or not, and to none that it does not', () => {
    for (const name of ['new-ranker', 'checkout.flow', 'web:theme_2']) {
      expect(nameOf(flagPath(name).replace('/flags/', ''))).toBe(name)
      expect(nameOf(name)).toBe(name)
    }
    expect([nameOf(undefined), nameOf('%zz')]).toEqual(['', '%zz'])
    expect(ofFlag('web:theme', 'serve')).toBe('/api/v1/flags/web%3Atheme/serve')
  })
})

describe('sentences', () => {
  it.each<[Serving | null, string]>([
    [null, 'the value in the code'],
    [one('on'), 'on'],
    [rollout({ on: 50_000, off: 950_000 }), 'on 5% and off 95%'],
    [rollout({ a: 333_300, b: 333_300, c: 333_400 }, 'tenant'), 'a 33.33%, b 33.33% and c 33.34%, by tenant'],
  ])('of what is served: %j', (serving, words) => {
    expect(servingWords(serving)).toBe(words)
  })

  it('of rules name who and what', () => {
    const when = ['in segment beta-users', 'country in DE, FR']
    expect(ruleSentence({ when, serving: rollout({ on: 500_000, off: 500_000 }) })).toBe(
      'When in segment beta-users and country in DE, FR: on 50% and off 50%',
    )
    expect(ruleSentence({ when: [], serving: one('off') })).toBe('For everybody: off')
  })

  it('of steps tell what changes, and the next one is the first that has not passed', () => {
    const steps = [
      step({ past: true, serving: one('off') }),
      step({ at: '2026-12-02T09:00:00.000Z', rule: 'staff', serving: one('on') }),
      step({ at: '2026-12-03T09:00:00.000Z', enabled: false }),
    ]
    expect(steps.map(stepWords)).toEqual(['off', 'on where the rule staff fits', 'switched off'])
    expect(stepWords(step({ enabled: true, serving: one('on') }))).toBe('switched on, then on')
    expect(nextStep({ schedule: steps })?.at).toBe('2026-12-02T09:00:00.000Z')
    expect(nextStep({ schedule: [step({ past: true })] })).toBeNull()
  })

  it.each<[Parameters<typeof changeWords>[0], string]>([
    [{ how: 'applied', revision: 1, note: null, differences: [] }, 'made it'],
    [{ how: 'applied', revision: 4, note: 'a tenth', differences: [] }, 'changed it: a tenth'],
    [
      { how: 'applied', revision: 5, note: 'disabled: alarms', differences: [switched(false)] },
      'switched it off: alarms',
    ],
    [{ how: 'applied', revision: 6, note: 'enabled', differences: [switched(true)] }, 'switched it on'],
    [{ how: 'applied', revision: 6, note: null, differences: [switched(true), { path: 'off' }] }, 'changed it'],
    [{ how: 'undone', revision: 7, note: 'back to revision 5', differences: [] }, 'brought it back to revision 5'],
    [{ how: 'undone', revision: 7, note: null, differences: [] }, 'took the last change back'],
    [{ how: 'deleted', revision: 8, note: null, differences: [] }, 'deleted it'],
  ])('of changes say how and why: %j', (change, words) => {
    expect(changeWords(change)).toBe(words)
  })
})

describe('shares', () => {
  const three = { a: 1, b: 2, c: 3 }

  it('are a bar in the order of the variants, each with its own tint, without those that get nothing', () => {
    expect(sharesOf(rollout({ c: 250_000, a: 750_000, b: 0 }), three)).toEqual([
      { variant: 'a', ppm: 750_000, text: '75%', tint: 0 },
      { variant: 'c', ppm: 250_000, text: '25%', tint: 2 },
    ])
    expect(sharesOf(one('b'), three)).toEqual([{ variant: 'b', ppm: 1_000_000, text: '100%', tint: 1 }])
    expect(sharesOf(null, three)).toEqual([])
  })

  it('are written into a form and sent as the API takes them', () => {
    const written = writtenOf(rollout({ a: 125_000, b: 875_000 }), three)
    expect(written).toEqual({ a: '12.5', b: '87.5', c: '0' })
    expect(rolloutOf(written)).toEqual({ a: '12.5%', b: '87.5%' })
    expect(rolloutOf({ a: 'half', b: '' })).toEqual({ a: 'half%' })
    expect(rolloutOf({ a: '0', b: '0' })).toEqual({ a: '0%', b: '0%' })
    expect(totalOf(written)).toBe('100%')
    expect(totalOf({ a: 'half', b: '50' })).toBeNull()
  })

  it('of two variants make 100% in all, whatever number is written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), ppm => {
        expect(totalOf(withShare({ on: '0', off: '100' }, 'on', String(ppm / 10_000)))).toBe('100%')
      }),
    )
    expect(withShare({ on: '5', off: '95' }, 'on', 'x')).toEqual({ on: 'x', off: '95' })
    expect(withShare({ on: '5', off: '95' }, 'on', '101')).toEqual({ on: '101', off: '95' })
    expect(withShare({ a: '50', b: '30', c: '20' }, 'a', '60')).toEqual({ a: '60', b: '30', c: '20' })
  })

  it('that the server refuses are told at their field, in its words', () => {
    const problem = {
      type: 'urn:cutover:invalid-request',
      title: 't',
      status: 400,
      detail: 'd',
      code: 'invalid-request',
      problems: [
        { path: 'rollout.on', message: 'is not a percentage', value: 'half%', allowed: ['0% to 100%'] },
        { path: 'rollout', message: 'is 90% in all' },
      ],
    }
    expect(faultAt(problem, 'rollout.on')).toBe('is not a percentage; allowed: 0% to 100%')
    expect(faultAt(problem, 'rollout')).toBe('is 90% in all')
    expect(faultAt(problem, 'variant')).toBeNull()
    expect(faultAt(null, 'rollout')).toBeNull()
  })
})

describe('the lines of a difference', () => {
  it('are what was and what is; one where there was nothing, or is nothing left', () => {
    expect(
      diffLines([
        { path: 'enabled', before: true, after: false },
        { path: 'include.1', before: null, after: 'bob' },
        { path: 'off', before: 'off' },
      ]),
    ).toEqual([
      { path: 'enabled', mark: '-', text: 'true' },
      { path: 'enabled', mark: '+', text: 'false' },
      { path: 'include.1', mark: '+', text: '"bob"' },
      { path: 'off', mark: '-', text: '"off"' },
    ])
  })

  it('tell weights in percent and times as times, within values too', () => {
    expect(
      diffLines([
        { path: 'default.weights.on', before: 50_000, after: 250_000 },
        { path: 'schedule.0.atMs', after: 1_796_115_600_000 },
        { path: 'rules', after: [{ name: 'x', serve: { kind: 'rollout', weights: { on: 1_000_000 } } }] },
        { path: 'variants.weights', before: 5, after: 6 },
      ]).map(({ text }) => text),
    ).toEqual([
      '5%',
      '25%',
      '2026-12-01T09:00:00.000Z',
      '[{"name":"x","serve":{"kind":"rollout","weights":{"on":"100%"}}}]',
      '5',
      '6',
    ])
  })
})

describe('a context to try', () => {
  it('is written as JSON, and told where it is none', () => {
    expect(contextOfJson('{"targetingKey": "ann"}').context).toEqual({ targetingKey: 'ann' })
    expect(contextOfJson('  ').context).toEqual({})
    expect(contextOfJson('[1]').fault).toContain('not an object')
    expect(contextOfJson('{').fault).toContain('is not JSON')
  })

  it('is written as pairs; a value that is JSON is taken as such, but for the targeting key', () => {
    expect(
      contextOfPairs([
        { name: 'targetingKey', value: '7' },
        { name: ' plan ', value: 'pro' },
        { name: 'age', value: '31' },
        { name: 'tags', value: '["a"]' },
        { name: '', value: 'nobody' },
      ]),
    ).toEqual({ targetingKey: '7', plan: 'pro', age: 31, tags: ['a'] })
  })

  it('is the same in either way of writing', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()))
    const name = fc.stringMatching(/^[a-z][a-z.]{0,9}$/)
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), context => {
        expect(contextOfPairs(pairsOf(context))).toEqual(context)
      }),
    )
    for (const targetingKey of ['ann', '7', '"7"'])
      expect(contextOfPairs(pairsOf({ targetingKey }))).toEqual({ targetingKey })
  })
})
