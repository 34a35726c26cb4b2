/** Imported flags answer as flagd's own evaluator does. Texts are ASCII here: the package hashes others otherwise than flagd itself. */
import { FlagdCore } from '@openfeature/flagd-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { validateResource } from '../../../src/config/compile.ts'
import { compileFlag } from '../../../src/config/compile-flag.ts'
import type { FlagResource } from '../../../src/contract/flags/flag.ts'
import { readFlagdFile } from '../../../src/contract/flags/flagd-file.ts'
import { compileFlags } from '../../../src/core/flags/compile-flags.ts'
import { evaluate } from '../../../src/core/flags/evaluate.ts'
import type { FlagSpec, Json } from '../../../src/core/flags/flag.ts'
import { compileLogic } from '../../../src/core/flags/json-logic.ts'
import { limits } from '../../../src/core/limits.ts'
import { ask, flag, flagsOf } from './support.ts'

const colours = { red: 'r', blue: 'b', green: 'g', true: 't', false: 'f' }
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

type Answer = { value: unknown; variant: string | null; reason: string; errorCode: string | null }

function flagd(targeting: Json, defaultVariant: string | null, context: Record<string, Json>): Answer {
  const core = new FlagdCore(undefined, silent)
  const state = 'ENABLED'
  core.setConfigurations(JSON.stringify({ flags: { colour: { state, variants: colours, defaultVariant, targeting } } }))
  const { value, variant, reason, errorCode } = core.resolveStringEvaluation('colour', 'code', context as never)
  return { value, variant: variant ?? null, reason: String(reason), errorCode: errorCode ?? null }
}

function ours(targeting: Json, defaultVariant: string | null, context: Record<string, Json>): Answer {
  const { off: _none, ...base } = flag()
  const spec: FlagSpec = {
    ...base,
    name: 'colour',
    type: 'string',
    variants: colours,
    default: defaultVariant === null ? null : { kind: 'variant', variant: defaultVariant },
    targeting,
  }
  const { value = 'code', variant, reason, errorCode } = evaluate(compileFlags(flagsOf([spec])), 'colour', context, 0)
  return { value, variant, reason, errorCode }
}

const text = fc.stringMatching(/^[a-z0-9.@ -]{0,12}$/)
const scalar = fc.oneof(text, fc.integer({ min: -50, max: 50 }), fc.boolean(), fc.constant(null))
const version = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map(parts => parts.join('.'))
const contexts = fc.record({
  targetingKey: text.filter(key => key !== ''),
  email: text,
  age: fc.integer({ min: 0, max: 99 }),
  version: fc.oneof(
    version,
    version.map(one => `v${one}`),
    fc.constantFrom('1', '1.2', 'latest', '1.0.0-rc.1'),
  ),
  beta: fc.boolean(),
  groups: fc.array(text, { maxLength: 4 }),
})
const variable = fc
  .constantFrom('email', 'age', 'version', 'beta', 'targetingKey', 'nothing')
  .map(name => ({ var: name }))
const value = fc.oneof(scalar, variable)

const operator = fc.constantFrom('==', '!=', '<', '<=', '>', '>=')

/** Of one type: for a text and a number the package's answer depends on which of them is a variable. */
function pairOf(name: string, other: fc.Arbitrary<Json>): fc.Arbitrary<Json[]> {
  return fc.oneof(
    other.map(one => [{ var: name }, one]),
    other.map(one => [one, { var: name }]),
  )
}

const condition: fc.Arbitrary<Json> = fc.letrec<{ node: Json }>(tie => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .tuple(operator, fc.oneof(pairOf('email', text), pairOf('age', fc.nat(99))))
      .map(([op, pair]) => ({ [op]: pair })),
    fc.tuple(fc.constantFrom('===', '!=='), value, value).map(([op, a, b]) => ({ [op]: [a, b] })),
    fc.tuple(fc.constantFrom('starts_with', 'ends_with'), value, value).map(([op, a, b]) => ({ [op]: [a, b] })),
    fc
      .tuple(fc.constantFrom('=', '!=', '<', '<=', '>', '>=', '^', '~', '?'), version)
      .map(([op, b]) => ({ sem_ver: [{ var: 'version' }, op, b] })),
    fc.tuple(value, fc.array(scalar, { maxLength: 4 })).map(([item, list]) => ({ in: [item, list] })),
    value.map(item => ({ in: [item, { var: 'groups' }] })),
    fc
      .tuple(fc.constantFrom('all', 'some', 'none'), text)
      .map(([op, one]) => ({ [op]: [{ var: 'groups' }, { '==': [{ var: '' }, one] }] })),
    fc.array(fc.constantFrom('email', 'nothing', 'age'), { minLength: 1 }).map(keys => ({ '!!': [{ missing: keys }] })),
    fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('node'), { minLength: 1, maxLength: 3 }))
      .map(([op, list]) => ({ [op]: list })),
    tie('node').map(inner => ({ '!': [inner] })),
  ),
})).node as fc.Arbitrary<Json>

const shares = fc.array(fc.tuple(fc.constantFrom('red', 'blue', 'green'), fc.nat(1_000_000)), {
  minLength: 1,
  maxLength: 5,
})
const fractional = fc.oneof(
  shares.map(list => ({ fractional: list })),
  shares.map(list => ({ fractional: [{ cat: [{ var: '$flagd.flagKey' }, { var: 'email' }] }, ...list] })),
)
const outcome = fc.oneof(fc.constantFrom('red', 'blue', 'none of them', null), fractional)
const targetings = fc.oneof(
  fractional,
  condition,
  fc.tuple(condition, outcome, outcome).map(([test, a, b]) => ({ if: [test, a, b] })),
  fc.tuple(condition, outcome, condition, outcome).map(([a, x, b, y]) => ({ if: [a, x, b, y] })),
) as fc.Arbitrary<Json>

describe('an imported flag', () => {
  it('answers as flagd does', () => {
    fc.assert(
      fc.property(targetings, fc.constantFrom('red', null), contexts, (targeting, fallback, context) => {
        expect(ours(targeting, fallback, context)).toEqual(flagd(targeting, fallback, context))
      }),
      { numRuns: 1_500 },
    )
  })

  it('splits as flagd does, to the unit', () => {
    const targeting = {
      fractional: [
        ['red', 1],
        ['blue', 3],
        ['green', 2_147_483_000],
      ],
    }
    fc.assert(
      fc.property(
        text.filter(key => key !== ''),
        targetingKey => {
          expect(ours(targeting, 'red', { targetingKey })).toEqual(flagd(targeting, 'red', { targetingKey }))
        },
      ),
      { numRuns: 500 },
    )
  })
})

const staff = { ends_with: [{ var: 'email' }, '@x.y'] }
// The package puts parts in one after another: those that refer to others come first.
const parts = { pro: { or: [{ $ref: 'staff' }, { '==': [{ var: 'plan' }, 'pro'] }] }, staff }
const asked = fc.constantFrom<Json>({ $ref: 'staff' }, { $ref: 'pro' }, { '!': [{ $ref: 'pro' }] }, false)
const named = fc.constantFrom<Json>('on', 'nobody', null, true, 1, {
  fractional: [
    ['on', 30],
    ['off', 70],
  ],
})
const files = fc.record({
  flags: fc.dictionary(
    fc.constantFrom('a', 'b', 'c-d'),
    fc.record({
      state: fc.constantFrom('ENABLED', 'DISABLED'),
      variants: fc.constantFrom<Json>({ on: 'x', off: 'y' }, { on: 'x', off: 'y', true: 't', 1: 'one' }),
      defaultVariant: fc.constantFrom('on', '', null),
      targeting: fc.oneof(
        fc.constant({}),
        asked.filter(one => one !== false),
        fc.tuple(asked, named, named).map(([test, a, b]) => ({ if: [test, a, b] })),
      ) as fc.Arbitrary<Json>,
      metadata: fc.constantFrom({}, { owner: 'web' }),
    }),
    { minKeys: 1 },
  ),
  $evaluators: fc.constant(parts),
  metadata: fc.constantFrom({}, { owner: 'all', set: 7 }),
})
const callers = fc.record({ email: fc.constantFrom('a@x.y', 'b@z'), plan: fc.constantFrom('pro', null) })

describe('an imported file', () => {
  it('answers as flagd does, flag by flag, with its metadata', () => {
    fc.assert(
      fc.property(files, callers, fc.constantFrom('u1', 'u2'), (file, caller, targetingKey) => {
        const context = { ...caller, targetingKey }
        const core = new FlagdCore(undefined, silent)
        core.setConfigurations(JSON.stringify(file))
        const { documents, faults } = readFlagdFile(file)
        expect(faults).toEqual([])
        const specs = documents.map(({ document }) => compileFlag(validateResource(document) as FlagResource))
        for (const { name, metadata = {} } of specs) {
          const { value = 'code', variant, reason, errorCode } = ask(flagsOf(specs), name, context)
          const theirs = core.resolveStringEvaluation(name, 'code', context)
          expect({ value, variant, reason, errorCode, metadata }).toEqual({
            value: theirs.value,
            variant: theirs.variant ?? null,
            reason: theirs.reason,
            errorCode: theirs.errorCode ?? null,
            metadata: theirs.flagMetadata,
          })
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** From the scenarios by which flagd's evaluators are tested (open-feature/flagd-testbed, fractional-v2). */
const halves = { fractional: [{ var: 'targetingKey' }, ['lower', 50], ['upper', 50]] }
const suits = ['clubs', 'diamonds', 'hearts', 'spades'].map(suit => [suit, 25])
const byKey = { fractional: [{ cat: [{ var: '$flagd.flagKey' }, { var: 'user.name' }] }, ...suits] }
const bySeed = { fractional: [{ cat: ['shared-seed', { var: 'user.name' }] }, ...suits] }
const published: readonly [string, Json, string, string][] = [
  ...['ejOoVL', 'bY9fO-', 'SI7p-'].map(key => ['edge', halves, key, 'lower'] as const),
  ...['6LvT0', 'ceQdGm'].map(key => ['edge', halves, key, 'upper'] as const),
  ['fractional-flag', byKey, 'jack', 'hearts'],
  ['fractional-flag', byKey, 'queen', 'spades'],
  ['fractional-flag', byKey, 'ten', 'clubs'],
  ['fractional-flag', byKey, 'nine', 'diamonds'],
  ['any', bySeed, 'seven', 'hearts'],
  ['any', bySeed, 'eight', 'diamonds'],
  ['any', bySeed, 'nine', 'clubs'],
  ['any', bySeed, 'two', 'spades'],
].map(([key, targeting, unit, variant]) => [key, targeting, unit, variant] as [string, Json, string, string])

describe('a published split of flagd', () => {
  it.each(published)('holds: %s, %j, %s is %s', (key, targeting, unit, variant) => {
    const names = ['lower', 'upper', 'clubs', 'diamonds', 'hearts', 'spades']
    const variants = Object.fromEntries(names.map(name => [name, name]))
    const state = flagsOf([flag({ name: key, type: 'string', variants, off: 'lower', default: null, targeting })])
    expect(ask(state, key, { targetingKey: unit, user: { name: unit } }).variant).toBe(variant)
  })
})

const computed: readonly [Json, Json][] = [
  [{ '+': [1, '2', true] }, 4],
  [{ '-': [5, 2] }, 3],
  [{ '-': [5] }, -5],
  [{ '*': [2, 3, 4] }, 24],
  [{ '/': [7, 2] }, 3.5],
  [{ '%': [7, 4] }, 3],
  [{ max: [1, 3, 2] }, 3],
  [{ min: [4, 3] }, 3],
  [{ cat: ['a', 1, 'b'] }, 'a1b'],
  [{ substr: ['jsonlogic', 4] }, 'logic'],
  [{ substr: ['jsonlogic', -5] }, 'logic'],
  [{ substr: ['jsonlogic', 1, 3] }, 'son'],
  [{ substr: ['jsonlogic', 4, -2] }, 'log'],
  [{ merge: [[1, 2], 3, [4]] }, [1, 2, 3, 4]],
  [{ map: [{ var: 'list' }, { '*': [{ var: '' }, 2] }] }, [2, 4, 6]],
  [{ filter: [{ var: 'list' }, { '>': [{ var: '' }, 1] }] }, [2, 3]],
  [{ reduce: [{ var: 'list' }, { '+': [{ var: 'accumulator' }, { var: 'current' }] }, 10] }, 16],
  [{ missing_some: [1, ['list', 'nothing']] }, []],
  [{ missing_some: [2, ['list', 'nothing']] }, ['nothing']],
  [{ var: ['nothing', 'else'] }, 'else'],
  [{ in: ['a', { var: 'deep.off' }] }, false],
  [{ var: 'deep.er.1' }, 'y'],
  [{ '<': [1, { var: 'list.1' }, 3] }, true],
  [{ '??': [] } as Json, 'has an unknown operator'],
]

describe('JsonLogic', () => {
  it.each(computed)('computes %j', (expression, expected) => {
    const context = { list: [1, 2, 3], deep: { er: ['x', 'y'], off: false } }
    const run = () => compileLogic(expression)(context, { flag: 'f', nowMs: 0 })
    if (typeof expected === 'string' && expected.startsWith('has')) expect(run).toThrow(expected)
    else expect(run()).toEqual(expected)
  })

  it('knows the time and the key of the flag', () => {
    const targeting = { if: [{ '>=': [{ var: '$flagd.timestamp' }, 100] }, { var: '$flagd.flagKey' }, null] }
    const state = flagsOf([flag({ name: 'on', targeting })])
    expect(ask(state, 'on', {}, 99_999)).toMatchObject({ variant: 'off', reason: 'DEFAULT' })
    expect(ask(state, 'on', {}, 100_000)).toMatchObject({ variant: 'on', reason: 'TARGETING_MATCH' })
  })

  it('ends, however long the lists of the context are', () => {
    const list = Array.from({ length: 1_000 }, (_, index) => index)
    const inner = { some: [list.slice(0, 500), { '==': [{ var: '' }, -1] }] }
    const nested = { some: [{ var: 'list' }, { reduce: [list.slice(0, 500), inner, 0] }] }
    const state = flagsOf([flag({ targeting: { if: [nested, 'on', 'off'] } })])
    expect(ask(state, 'ranker', { list })).toMatchObject({ errorCode: 'GENERAL', variant: null })
  })

  const current = { var: 'current' }
  const all = { var: 'accumulator' }
  it.each<[string, Json, number]>([
    ['a list that grows by each item', { merge: [all, [current]] }, 10_000],
    ['a list that doubles', { merge: [all, all, [current]] }, 40],
    ['a text that doubles', { cat: [all, all, 'x'] }, 40],
    [
      'a look through a list for each of its items',
      { if: [{ in: [current, all] }, all, { merge: [all, [current]] }] },
      10_000,
    ],
  ])('ends with %s, in few steps for their length', (_, body, items) => {
    const targeting = { if: [{ reduce: [{ var: 'list' }, body, []] }, 'on', 'off'] }
    const state = flagsOf([flag({ targeting })])
    const listOf = (length: number) => Array.from({ length }, (_, index) => index)
    expect(ask(state, 'ranker', { list: listOf(10) })).toMatchObject({ variant: 'on' })
    expect(ask(state, 'ranker', { list: listOf(items) })).toMatchObject({
      errorCode: 'GENERAL',
      detail: expect.stringContaining('takes too many steps'),
    })
  })

  it.each([
    ['an unknown operator', { regex: ['a', 'b'] }, 'unknown operator regex'],
    ['two operators in one place', { '==': [1, 1], '!=': [1, 2] }, 'several operators'],
    ['too many levels', nest(limits.logicDepthMax + 2), 'nested deeper'],
  ])('with %s is a parse error', (_, targeting, detail) => {
    const answer = ask(flagsOf([flag({ targeting: targeting as Json })]), 'ranker')
    expect(answer.errorCode).toBe('PARSE_ERROR')
    expect(answer.detail).toContain(detail)
  })
})

function nest(levels: number): Json {
  return Array.from({ length: levels }).reduce<Json>(inner => ({ '!': [inner] }), true)
}
