/** What a flag answers, and what holds for every flag and context. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileFlags } from '../../../src/core/flags/compile-flags.ts'
import { withEnabled, withServe } from '../../../src/core/flags/edit.ts'
import { evaluate, evaluateAll } from '../../../src/core/flags/evaluate.ts'
import type { Context } from '../../../src/core/flags/evaluation.ts'
import { explainFlag } from '../../../src/core/flags/explain.ts'
import type { AttributeTest, Condition, FlagRule, FlagSpec } from '../../../src/core/flags/flag.ts'
import {
  type FlagState,
  type FlagsState,
  flagApplied,
  flagDeleted,
  flagUndone,
  undoTarget,
} from '../../../src/core/flags/flags-state.ts'
import { type Layout, layoutsAt } from '../../../src/core/flags/layout.ts'
import { segmentApplied } from '../../../src/core/flags/segment-history.ts'
import { stepFlags } from '../../../src/core/flags/step-flags.ts'
import { emptyState } from '../../../src/core/state.ts'
import { totalVariationPpm, type Weights, weightsOf } from '../../../src/core/traffic.ts'
import { ask, flag, flagsOf, rollout, variants, word } from './support.ts'

const on = { kind: 'variant', variant: 'on' } as const

function when(...conditions: Condition[]): FlagRule {
  return { name: 'first', when: conditions, serve: on }
}

function has(attribute: string, test: AttributeTest): Condition {
  return { kind: 'attribute', attribute, test }
}

describe('a flag', () => {
  it.each<[string, Partial<FlagSpec>, Context, object]>([
    ['without rules is static', {}, {}, { variant: 'off', value: false, reason: 'STATIC' }],
    [
      'that is switched off serves its off variant',
      { enabled: false, default: on },
      {},
      { variant: 'off', reason: 'DISABLED' },
    ],
    [
      'whose rule fits serves what it says',
      { rules: [when()] },
      {},
      { variant: 'on', reason: 'TARGETING_MATCH', by: 'rule first' },
    ],
    [
      'none of whose rules fits serves its default',
      { rules: [when({ kind: 'segment', segment: 'nobody' })] },
      {},
      { variant: 'off', reason: 'DEFAULT' },
    ],
    [
      'without a default leaves it to the code',
      { default: null },
      {},
      { value: undefined, variant: null, reason: 'DEFAULT' },
    ],
    [
      'rolled out says so',
      { default: rollout(1_000_000) },
      { targetingKey: 'ann' },
      { variant: 'on', reason: 'SPLIT' },
    ],
    [
      'rolled out asks for the unit',
      { default: rollout(500_000) },
      {},
      { errorCode: 'TARGETING_KEY_MISSING', reason: 'ERROR' },
    ],
    [
      'rolled out by another attribute asks for that',
      { default: rollout(500_000), unit: 'tenant' },
      { targetingKey: 'ann' },
      { errorCode: 'INVALID_CONTEXT' },
    ],
  ])('%s', (_, overrides, context, expected) => {
    expect(ask(flagsOf([flag(overrides)]), 'ranker', context)).toMatchObject(expected)
  })

  it('that is not there is not found, whatever objects inherit', () => {
    for (const key of ['nothing', 'constructor', '__proto__'])
      expect(ask(flagsOf([flag()]), key).errorCode).toBe('FLAG_NOT_FOUND')
  })

  it('without an off variant leaves it to the code when it is switched off', () => {
    const { off: _none, ...bare } = flag({ enabled: false })
    expect(ask(flagsOf([bare]), 'ranker')).toMatchObject({ value: undefined, variant: null, reason: 'DISABLED' })
  })
})

describe('a condition', () => {
  const version = { op: 'semver', range: '>=1.4.0 <2.0.0' } as const
  it.each<[string, Condition, Context, boolean]>([
    ['equal text', has('plan', { op: 'in', values: ['pro'] }), { plan: 'pro' }, true],
    ['a number as text', has('tier', { op: 'in', values: ['5'] }), { tier: 5 }, true],
    ['one of a list', has('groups', { op: 'in', values: ['beta'] }), { groups: ['a', 'beta'] }, true],
    ['a missing attribute', has('plan', { op: 'in', values: ['undefined'] }), {}, false],
    ['what objects inherit', has('constructor', { op: 'exists' }), {}, false],
    ['a prefix', has('mail', { op: 'prefix', texts: ['ann@', 'bob@'] }), { mail: 'bob@example.org' }, true],
    ['a suffix', has('mail', { op: 'suffix', texts: ['@example.org'] }), { mail: 'bob@example.com' }, false],
    ['a part', has('agent', { op: 'contains', texts: ['Firefox'] }), { agent: 'Mozilla Firefox/140' }, true],
    ['a number in range', has('age', { op: 'number', min: 18, max: 30, maxExclusive: true }), { age: '29' }, true],
    ['a number at its open end', has('age', { op: 'number', max: 30, maxExclusive: true }), { age: 30 }, false],
    ['no number', has('age', { op: 'number', min: 0 }), { age: '' }, false],
    ['a version in range', has('app', version), { app: 'v1.10.2' }, true],
    ['a pre-release, ordered as a version', has('app', version), { app: '1.5.0-rc.1' }, true],
    ['a version out of range', has('app', version), { app: '2.0.0' }, false],
    ['a partial version', has('app', version), { app: '1.4' }, true],
    ['no version', has('app', version), { app: 'latest' }, false],
    ['a nested attribute', has('user.plan', { op: 'in', values: ['pro'] }), { user: { plan: 'pro' } }, true],
    ['an attribute with a dot', has('user.plan', { op: 'in', values: ['pro'] }), { 'user.plan': 'pro' }, true],
    ['what is not so', { ...has('plan', { op: 'exists' }), not: true }, {}, true],
    ['one of several', { kind: 'any', of: [has('a', { op: 'exists' }), has('b', { op: 'exists' })] }, { b: 1 }, true],
    ['a segment by its list', { kind: 'segment', segment: 'beta' }, { targetingKey: 'ann' }, true],
    ['a segment by its conditions', { kind: 'segment', segment: 'beta' }, { targetingKey: 'eve', plan: 'pro' }, true],
    ['a segment that excludes', { kind: 'segment', segment: 'beta' }, { targetingKey: 'bob', plan: 'pro' }, false],
    ['a time before its end', { kind: 'time', untilMs: 1 }, {}, true],
    ['a time at its beginning', { kind: 'time', fromMs: 0 }, {}, true],
    ['a time at its end', { kind: 'time', untilMs: 0 }, {}, false],
    ['an hour of the week', { kind: 'window', window: { days: ['thu'], zone: 'UTC' } }, {}, true],
    ['an hour of another day', { kind: 'window', window: { days: ['fri'], zone: 'UTC' } }, {}, false],
  ])('on %s', (_, condition, context, holds) => {
    const segment = {
      name: 'beta',
      include: ['ann'],
      exclude: ['bob'],
      when: [has('plan', { op: 'in', values: ['pro'] })],
    }
    const state = flagsOf([flag({ rules: [when(condition)] })], [segment])
    expect(ask(state, 'ranker', context).variant).toBe(holds ? 'on' : 'off')
  })
})

describe('a flag that requires another', () => {
  const child = flag({ name: 'child', default: on, requires: [{ flag: 'ranker', is: ['on'] }] })

  it('serves its off variant where the targeting of that fails, when it is read or when it is computed', () => {
    for (const targeting of [{ no_such: [] }, { '/': [1, { var: 'zero' }] }]) {
      const state = flagsOf([flag({ targeting }), child])
      expect(ask(state, 'ranker', { zero: 0 }).reason).toBe('ERROR')
      const expected = { variant: 'off', reason: 'DISABLED', by: 'requires ranker' }
      expect(ask(state, 'child', { zero: 0 })).toMatchObject(expected)
      expect(explainFlag(state, 'child', { zero: 0 }, 0)).toMatchObject({
        evaluation: expected,
        requires: [{ met: false }],
      })
    }
  })

  it('serves its off variant until that has the variant it asks for', () => {
    expect(ask(flagsOf([flag(), child]), 'child')).toMatchObject({ variant: 'off', by: 'requires ranker' })
    expect(ask(flagsOf([flag({ default: on }), child]), 'child')).toMatchObject({ variant: 'on', reason: 'STATIC' })
    expect(ask(flagsOf([flag({ default: on, enabled: false }), child]), 'child').variant).toBe('off')
    expect(ask(flagsOf([child]), 'child').variant).toBe('off')
  })

  it('ends, even if a circle got in', () => {
    const circle = flag({ default: on, requires: [{ flag: 'child', is: ['on'] }] })
    expect(ask(flagsOf([circle, child]), 'child').variant).toBe('off')
  })
})

describe('a schedule', () => {
  const schedule = [
    { atMs: 100, serve: { kind: 'rollout', weights: { on: 100_000, off: 900_000 } } },
    { atMs: 200, serve: { kind: 'rollout', weights: { on: 500_000, off: 500_000 } } },
    { atMs: 300, enabled: false },
  ] as const

  it('changes what is served at its times, and takes nobody back while a share rises', () => {
    const state = flagsOf([flag({ schedule })])
    const [before, first, second, end] = [99, 100, 200, 300].map(at => variants(state, 2_000, at))
    expect(before?.every(variant => variant === 'off')).toBe(true)
    expect(share(first)).toBeCloseTo(0.1, 1)
    expect(share(second)).toBeCloseTo(0.5, 1)
    expect(first?.every((variant, index) => variant === 'off' || second?.[index] === 'on')).toBe(true)
    expect(end?.every(variant => variant === 'off')).toBe(true)
  })

  it('gives way to the word of now', () => {
    const switched = withEnabled(flag({ schedule }), true)
    expect(ask(flagsOf([switched]), 'ranker', { targetingKey: 'ann' }, 300).reason).toBe('SPLIT')
    const served = withServe(flag({ schedule }), on, null)
    expect(ask(flagsOf([served]), 'ranker', {}, 250).variant).toBe('on')
    expect(ask(flagsOf([served]), 'ranker', {}, 300)).toMatchObject({ variant: 'off', reason: 'DISABLED' })
  })
})

function share(answers: readonly (string | null)[] = []): number {
  return answers.filter(variant => variant === 'on').length / answers.length
}

describe('changes', () => {
  it('move no more units than they must, also from what a schedule had reached', () => {
    const raised = [{ atMs: 100, serve: rollout(300_000) ?? undefined }] as const
    const first = flagsOf([flag({ default: rollout(100_000), schedule: raised as never })])
    const before = variants(first, 2_000, 150)
    const next = flagApplied(first, flag({ default: rollout(400_000) }), { ...word, atMs: 150 })
    const after = variants(next, 2_000, 150)
    expect(before.every((variant, index) => variant === 'off' || after[index] === 'on')).toBe(true)
  })

  it('of the order of rules leave every unit where it was: a rollout belongs to the name of its rule', () => {
    const rule = (name: string, onPpm: number): FlagRule => ({ name, when: [], serve: rollout(onPpm) ?? on })
    const raised = flagApplied(
      flagsOf([flag({ rules: [rule('a', 100_000)] })]),
      flag({ rules: [rule('a', 300_000)] }),
      word,
    )
    const nobody: FlagRule = { name: 'b', when: [{ kind: 'segment', segment: 'none' }], serve: on }
    const moved = flagApplied(raised, flag({ rules: [nobody, rule('a', 300_000)] }), word)
    expect(variants(moved, 500)).toEqual(variants(raised, 500))
  })

  it('are taken back by one step, and that too', () => {
    const first = flagsOf([flag({ default: rollout(100_000) })])
    const second = flagApplied(first, flag({ default: on }), { ...word, atMs: 1 })
    const undone = flagUndone(second, 'ranker', { ...word, atMs: 2 })
    const redone = flagUndone(undone, 'ranker', { ...word, atMs: 3 })
    expect(undone.flags['ranker']?.spec).toEqual(first.flags['ranker']?.spec)
    expect(variants(undone, 500)).toEqual(variants(first, 500))
    expect(redone.flags['ranker']?.spec).toEqual(second.flags['ranker']?.spec)
    expect(redone.flags['ranker']?.changes.map(({ how, revision }) => [revision, how])).toEqual([
      [1, 'applied'],
      [2, 'applied'],
      [3, 'undone'],
      [4, 'undone'],
    ])
  })

  it('of one flag leave the others as they were compiled; those of a segment are seen by every flag that names it', () => {
    const beta = (include: string[]) => ({ name: 'beta', include })
    const ruled = flag({ rules: [when({ kind: 'segment', segment: 'beta' })] })
    const first = flagsOf([ruled, flag({ name: 'other' })], [beta(['ann'])])
    const second = flagApplied(first, flag({ name: 'other', default: on }), word)
    const [before, after] = [compileFlags(first), compileFlags(second)]
    expect(after.flags.get('ranker')).toBe(before.flags.get('ranker'))
    expect(evaluate(after, 'other', {}, 0).variant).toBe('on')
    const third = segmentApplied(second, beta(['bob']), word)
    expect(['ann', 'bob'].map(targetingKey => ask(third, 'ranker', { targetingKey }).variant)).toEqual(['off', 'on'])
    expect(['ann', 'bob'].map(targetingKey => ask(second, 'ranker', { targetingKey }).variant)).toEqual(['on', 'off'])
  })

  it('have no step before the first', () => {
    const state = flagsOf([flag()])
    expect(undoTarget(state, 'ranker')).toBeNull()
    expect(flagUndone(state, 'ranker', word)).toBe(state)
  })

  it('reach variants of every name, whatever objects inherit', () => {
    const shares = (weights: Weights): FlagSpec['default'] => ({ kind: 'rollout', weights })
    const named = (serve: FlagSpec['default']) =>
      flag({ type: 'number', variants: { constructor: 1, valueOf: 2, c: 3 }, off: 'c', default: serve })
    const first = flagsOf([named(shares({ constructor: 500_000, c: 500_000 }))])
    const second = flagApplied(first, named(shares({ c: 500_000, valueOf: 500_000 })), word)
    expect(new Set(variants(first, 100))).toEqual(new Set(['constructor', 'c']))
    expect(new Set(variants(second, 100))).toEqual(new Set(['valueOf', 'c']))
  })

  it('of before fold as they ever did: by way of steps that had passed', () => {
    const shares = (a: number, b: number) => ({ kind: 'rollout', weights: { a, b, c: 1_000_000 - a - b } }) as const
    const spec = flag({
      type: 'number',
      variants: { a: 1, b: 2, c: 3 },
      off: 'c',
      default: shares(0, 500_000),
      schedule: [{ atMs: 1, serve: shares(110_000, 440_000) }],
    })
    const layoutOf = (direct: object) => {
      const event = { type: 'flag-applied', spec, actor: 'ann', note: null, ...direct } as const
      const first = stepFlags(emptyState, event, 0).state
      const { flags } = stepFlags(first, event, 1).state
      return flags?.flags['ranker']?.layouts['0:default'] ?? []
    }
    expect(movedPpm(layoutOf({}), layoutOf({ direct: true }))).toBeGreaterThan(0)
  })

  it('bring a deleted flag back with its history', () => {
    const deleted = flagDeleted(flagsOf([flag({ default: on })]), 'ranker', word)
    expect(ask(deleted, 'ranker').errorCode).toBe('FLAG_NOT_FOUND')
    const back = flagUndone(deleted, 'ranker', word)
    expect(ask(back, 'ranker').variant).toBe('on')
    expect(back.flags['ranker']?.changes).toHaveLength(3)
    expect(back.deleted).toEqual({})
  })
})

describe('an explanation', () => {
  it('tells of every rule which conditions hold, what decided, and the bucket', () => {
    const rules = [
      { name: 'staff', when: [has('mail', { op: 'suffix', texts: ['@example.org'] })], serve: on },
      { name: 'half', when: [has('plan', { op: 'in', values: ['pro'] })], serve: rollout(500_000) ?? on },
    ]
    const explained = explainFlag(flagsOf([flag({ rules })]), 'ranker', { targetingKey: 'ann', plan: 'pro' }, 0)
    expect(explained).toMatchObject({
      evaluation: { reason: 'SPLIT', by: 'rule half' },
      rules: [
        { name: 'staff', fits: false, conditions: [{ text: 'mail ends with @example.org', holds: false }] },
        { name: 'half', fits: true, conditions: [{ text: 'plan in pro', holds: true }] },
      ],
      bucket: { by: 'targetingKey', unit: 'ann' },
    })
    expect(explainFlag(flagsOf([]), 'ranker', {}, 0)).toBeNull()
  })
})

/** On which two layouts differ. */
function movedPpm(a: Layout, b: Layout): number {
  const overlaps = a.flatMap(one =>
    b.map(other =>
      one.version === other.version
        ? 0
        : Math.max(0, Math.min(one.endPpm, other.endPpm) - Math.max(one.startPpm, other.startPpm)),
    ),
  )
  return overlaps.reduce((sum, overlap) => sum + overlap, 0)
}

const ppm = fc.nat(1_000_000)
const weights = fc
  .tuple(ppm, ppm)
  .map(([a, b]) => [Math.min(a, b), Math.abs(a - b), 1_000_000 - Math.max(a, b)] as const)
  .map(([a, b, c]) => ({ kind: 'rollout', weights: { a, b, c } }) as const)
const variantsOfThree = { a: 1, b: 2, c: 3 }

describe('for every flag', () => {
  it('raising a share takes no unit back', () => {
    fc.assert(
      fc.property(fc.array(ppm, { minLength: 2, maxLength: 6 }), shares => {
        const rising = shares.toSorted((a, b) => a - b)
        let state = flagsOf([flag({ default: rollout(rising[0] ?? 0) })])
        let before = variants(state, 200)
        for (const onPpm of rising.slice(1)) {
          state = flagApplied(state, flag({ default: rollout(onPpm) }), word)
          const after = variants(state, 200)
          expect(before.every((variant, index) => variant === 'off' || after[index] === 'on')).toBe(true)
          before = after
        }
      }),
    )
  })

  it('a change moves no more units than it must from what its schedule has reached', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), weights), { maxLength: 4 })
    const scheduled = fc.record({ base: weights, steps }).map(({ base, steps: all }) =>
      flag({
        type: 'number',
        variants: variantsOfThree,
        default: base,
        schedule: all.toSorted(([a], [b]) => a - b).map(([atMs, serve]) => ({ atMs, serve })),
      }),
    )
    const layoutAt = ({ flags }: FlagsState, atMs: number) => {
      const { spec, layouts } = flags['ranker'] as FlagState
      return layoutsAt(spec, layouts, atMs)['default'] ?? []
    }
    fc.assert(
      fc.property(scheduled, scheduled, fc.integer({ min: 0, max: 120 }), (first, second, atMs) => {
        const before = flagsOf([first])
        const after = flagApplied(before, second, { ...word, atMs })
        const [old, now] = [layoutAt(before, atMs), layoutAt(after, atMs)]
        expect(movedPpm(old, now)).toBe(totalVariationPpm(weightsOf(old), weightsOf(now)))
        const again = flagApplied(after, { ...second, enabled: false }, { ...word, atMs })
        expect(layoutAt(again, atMs)).toEqual(now)
      }),
    )
  })

  it('an undo of an undo gives the same flag, everybody where they were', () => {
    fc.assert(
      fc.property(fc.array(weights, { minLength: 2, maxLength: 5 }), changes => {
        const three = (serve: FlagSpec['default']) =>
          flag({ type: 'number', variants: variantsOfThree, off: 'c', default: serve })
        const state = changes
          .slice(1)
          .reduce((now, serve) => flagApplied(now, three(serve), word), flagsOf([three(changes[0] ?? null)]))
        const twice = flagUndone(flagUndone(state, 'ranker', word), 'ranker', word)
        expect(twice.flags['ranker']?.spec).toEqual(state.flags['ranker']?.spec)
        expect(variants(twice, 100)).toEqual(variants(state, 100))
      }),
    )
  })

  it('an evaluation gives an answer, the same twice, whatever the context; all at once as one by one', () => {
    const conditions: Condition[] = [
      has('a', { op: 'in', values: ['x'] }),
      has('a.b', { op: 'number', min: 1 }),
      has('c', { op: 'semver', range: '^1' }),
      { kind: 'segment', segment: 'beta' },
      { kind: 'window', window: { zone: 'Europe/Berlin', fromMinute: 60, toMinute: 120 } },
    ]
    const state = flagsOf(
      [
        flag({
          rules: conditions.map((one, index) => ({ name: `r${index}`, when: [one], serve: rollout(500_000) ?? on })),
        }),
        flag({
          name: 'logic',
          targeting: {
            if: [
              { some: [{ var: 'a' }, { '>': [{ var: 'b' }, { '/': [1, { var: 'c' }] }] }] },
              { cat: [{ var: 'd' }] },
              {
                fractional: [
                  ['on', 1],
                  [{ var: 'c' }, { var: 'd' }],
                ],
              },
            ],
          },
        }),
        flag({ name: 'child', requires: [{ flag: 'logic', is: ['on'] }], default: rollout(300_000), unit: 'a' }),
      ],
      [{ name: 'beta', include: ['x'], when: [has('d', { op: 'contains', texts: ['y'] })] }],
    )
    const compiled = compileFlags(state)
    const keys = fc.constantFrom('a', 'b', 'c', 'd', 'targetingKey', '$flagd', 'toString', '__proto__')
    const contexts = fc.dictionary(
      keys,
      fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withSymbol: true } as never),
    )
    fc.assert(
      fc.property(contexts, fc.double(), (context, nowMs) => {
        const bulk = evaluateAll(compiled, context, nowMs)
        expect(bulk.map(({ key }) => key)).toEqual(['child', 'logic', 'ranker'])
        for (const { key, evaluation } of bulk) expect(evaluate(compiled, key, context, nowMs)).toEqual(evaluation)
      }),
      { numRuns: 500 },
    )
  })

  it('a context that fails to be read is an error, not a crash', () => {
    const context = new Proxy({}, { getOwnPropertyDescriptor: () => fail(), get: () => fail(), has: () => fail() })
    expect(ask(flagsOf([flag({ default: rollout(1) })]), 'ranker', context).errorCode).toBe('GENERAL')
  })
})

function fail(): never {
  throw new Error('not readable')
}
