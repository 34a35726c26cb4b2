/** Flag and Segment documents, and flagd's files: what they become, and how faults are told. */
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { valueDepthMax } from '../../src/contract/depth.ts'
import { readFlagdFile } from '../../src/contract/flags/flagd-file.ts'
import type { FlagSpec } from '../../src/core/flags/flag.ts'
import { limits } from '../../src/core/limits.ts'
import { ask, flagsOf } from '../core/flags/support.ts'
import { thrownBy } from '../support/thrown.ts'

function compiled(document: unknown): FlagSpec {
  const resource = compileResource(validateResource(document))
  if (resource.kind !== 'Flag') throw new Error(`${resource.kind} is no flag`)
  return resource.spec
}

/** So many lists in one another. */
const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

const plain = { kind: 'Flag', name: 'ranker', serve: 'off' }

describe('a Flag document', () => {
  it('of the fewest words is a boolean flag that is off', () => {
    expect(compiled(plain)).toEqual({
      name: 'ranker',
      type: 'boolean',
      variants: { on: true, off: false },
      enabled: true,
      off: 'off',
      default: { kind: 'variant', variant: 'off' },
    })
  })

  it('has values that are nested as deeply as an expression may be, and no deeper', () => {
    const withValue = (levels: number) => ({ ...plain, type: 'object', variants: { on: nested(levels), off: {} } })
    expect(compiled(withValue(valueDepthMax)).variants['on']).toEqual(nested(valueDepthMax))
    expect(thrownBy(() => compiled(withValue(valueDepthMax + 1))).problems).toMatchObject([
      { path: 'variants.on', message: 'is nested too deeply', allowed: ['up to 60 levels'] },
    ])
    expect(valueDepthMax).toBe(limits.logicDepthMax)
  })

  it('with every key becomes what is evaluated', () => {
    const document = parse(`
kind: Flag
name: theme
description: colours
type: object
variants: { dark: { ink: white }, light: { ink: black } }
off: light
rollout: { dark: 25%, light: 75% }
by: tenant
requires: [ { flag: base, is: on } ]
rules:
  - name: staff
    when:
      - { attribute: mail, suffix: "@example.org" }
      - any: [ { attribute: age, at-least: 18, less-than: 30 }, { segment: beta, not: true } ]
      - { from: 2026-01-01T00:00:00Z, until: 2026-02-01T00:00:00+01:00 }
      - { during: { days: [ sat ], from: "08:00", to: "10:00", zone: UTC } }
      - { attribute: app, semver: ">=1.4" }
    serve: dark
schedule:
  - { at: 2026-03-01T00:00:00Z, serve: light, rule: staff }
  - { at: 2026-04-01T00:00:00Z, enabled: false }
unit: user
salt: common
metadata: { owner: web }
`)
    expect(compiled(document)).toEqual({
      name: 'theme',
      description: 'colours',
      type: 'object',
      variants: { dark: { ink: 'white' }, light: { ink: 'black' } },
      enabled: true,
      off: 'light',
      default: { kind: 'rollout', weights: { dark: 250_000, light: 750_000 }, by: 'tenant' },
      requires: [{ flag: 'base', is: ['on'] }],
      rules: [
        {
          name: 'staff',
          when: [
            { kind: 'attribute', attribute: 'mail', test: { op: 'suffix', texts: ['@example.org'] } },
            {
              kind: 'any',
              of: [
                { kind: 'attribute', attribute: 'age', test: { op: 'number', min: 18, max: 30, maxExclusive: true } },
                { not: true, kind: 'segment', segment: 'beta' },
              ],
            },
            { kind: 'time', fromMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2026, 0, 31, 23) },
            { kind: 'window', window: { days: ['sat'], fromMinute: 480, toMinute: 600, zone: 'UTC' } },
            { kind: 'attribute', attribute: 'app', test: { op: 'semver', range: '>=1.4' } },
          ],
          serve: { kind: 'variant', variant: 'dark' },
        },
      ],
      schedule: [
        { atMs: Date.UTC(2026, 2, 1), serve: { kind: 'variant', variant: 'light' }, rule: 'staff' },
        { atMs: Date.UTC(2026, 3, 1), enabled: false },
      ],
      unit: 'user',
      salt: 'common',
      metadata: { owner: 'web' },
    })
  })

  const rule = (over: object) => ({ ...plain, rules: [{ name: 'a', when: [], serve: 'on', ...over }] })
  const condition = (over: object) => rule({ when: [over] })
  it.each<[string, object, string, RegExp | null]>([
    ['an unknown key', { ...plain, colour: 'red' }, 'colour', null],
    ['a name with a space', { ...plain, name: 'a b' }, 'name', /is not the name of a flag/],
    ['a variant that is not there', { ...plain, serve: 'maybe' }, 'serve', /is not one of the variants/],
    ['an off variant that is not there', { ...plain, off: 'maybe' }, 'off', /is not one of the variants/],
    ['a value of another type', { ...plain, variants: { on: true, off: 'no' } }, 'variants.off', /type/],
    ['no variants for a text', { ...plain, type: 'string' }, 'variants', /is missing/],
    ['a rollout of 99%', { kind: 'Flag', name: 'r', rollout: { on: '49%', off: '50%' } }, 'rollout', /is 99% in all/],
    ['serve beside rollout', { ...plain, rollout: { on: '100%' } }, 'rollout', /serve is given already/],
    ['by without a rollout', { ...plain, by: 'tenant' }, 'by', /is of a rollout/],
    ['a rule that serves nothing', rule({ serve: undefined }), 'rules[0]', /none is given/],
    [
      'two rules of a name',
      { ...plain, rules: [rule({}).rules[0], rule({}).rules[0]] },
      'rules[1].name',
      /choose another/,
    ],
    ['targeting beside rules', { ...rule({}), targeting: { var: 'a' } }, 'targeting', /in place of rules/],
    [
      'an unknown operator',
      { ...plain, targeting: { if: [{ regex: [] }, 'on'] } },
      'targeting',
      /unknown operator regex/,
    ],
    ['a condition of nothing', condition({}), 'rules[0].when[0]', /none is given/],
    [
      'two kinds of condition',
      condition({ attribute: 'a', exists: true, segment: 'b' }),
      'rules[0].when[0]',
      /are given/,
    ],
    ['an attribute without a test', condition({ attribute: 'a' }), 'rules[0].when[0]', /none is given/],
    ['a test without an attribute', condition({ segment: 'a', equals: 1 }), 'rules[0].when[0].equals', /none is named/],
    [
      'two lower bounds',
      condition({ attribute: 'a', 'at-least': 1, 'more-than': 1 }),
      'rules[0].when[0].more-than',
      /already/,
    ],
    [
      'a text beside a bound',
      condition({ attribute: 'a', 'at-least': 1, equals: 1 }),
      'rules[0].when[0].equals',
      /beside a bound/,
    ],
    ['no range of versions', condition({ attribute: 'a', semver: 'new' }), 'rules[0].when[0].semver', /is not a range/],
    ['no time', condition({ from: 'tomorrow' }), 'rules[0].when[0].from', /is not a time/],
    [
      'a step before the one before',
      {
        ...plain,
        schedule: [
          { at: '2026-02-01T00:00:00Z', enabled: false },
          { at: '2026-01-01T00:00:00Z', enabled: true },
        ],
      },
      'schedule[1].at',
      /is not after/,
    ],
    [
      'a step of no rule',
      { ...plain, schedule: [{ at: '2026-02-01T00:00:00Z', serve: 'on', rule: 'x' }] },
      'schedule[0].rule',
      /is not one of the rules/,
    ],
    [
      'a step that changes nothing',
      { ...plain, schedule: [{ at: '2026-02-01T00:00:00Z' }] },
      'schedule[0]',
      /changes nothing/,
    ],
    ['a segment with nobody', { kind: 'Segment', name: 's' }, '', /has nobody/],
    [
      'a segment of a segment',
      { kind: 'Segment', name: 's', when: [{ segment: 't' }] },
      'when[0].segment',
      /names no other/,
    ],
    [
      'a stage of a flag alone',
      { kind: 'Release', endpoint: 'e', to: 'v2', stages: [{ flag: 'a' }] },
      'stages[0]',
      /exactly one strategy/,
    ],
  ])('with %s is refused there', (_, document, path, message) => {
    const error = thrownBy(() => compileResource(validateResource(document)))
    const found = error.problems.find(problem => problem.path === path)
    expect(error.problems.map(problem => problem.path)).toContain(path)
    if (message !== null) expect(found?.message).toMatch(message)
  })
})

describe('flags of releases and endpoints', () => {
  it('become gates of the whole and of stages, and rules', () => {
    const release = compileResource(
      validateResource({
        kind: 'Release',
        endpoint: 'digits',
        to: 'v2',
        flag: 'ranker',
        stages: [{ canary: { steps: ['5%'] } }, { canary: { steps: ['50%'] }, flag: { name: 'theme', is: 'dark' } }],
      }),
    )
    expect(release).toMatchObject({ plan: { flags: [{ flag: 'ranker' }, { flag: 'theme', is: ['dark'], stage: 1 }] } })
    const endpoint = compileResource(
      validateResource({
        kind: 'Endpoint',
        name: 'digits',
        stable: 'v1',
        versions: { v1: { url: 'http://127.0.0.1:1' }, v2: { url: 'http://127.0.0.1:2' } },
        rules: [
          { header: 'X-Beta', equals: '1', version: 'v2' },
          { flag: 'theme', is: ['dark'], version: 'v2' },
        ],
      }),
    )
    expect(endpoint).toMatchObject({
      spec: {
        rules: [
          { header: 'x-beta', equals: '1', version: 'v2' },
          { flag: 'theme', is: ['dark'], version: 'v2' },
        ],
      },
    })
  })
})

function flagdFlag(over: object): object {
  return { flags: { a: { state: 'ENABLED', variants: { on: true }, ...over } } }
}

/** So many parts, each of which refers to the next one. */
function partsOf(count: number, refer: (next: object) => object): object {
  const parts = Array.from({ length: count }, (_, index) => [`p${index}`, refer({ $ref: `p${index + 1}` })])
  return Object.fromEntries([...parts, [`p${count}`, { var: 'a' }]])
}

describe('a flagd file', () => {
  const file = {
    $schema: 'https://flagd.dev/schema/v0/flags.json',
    flags: {
      colour: {
        state: 'ENABLED',
        variants: { red: '#f00', blue: '#00f' },
        defaultVariant: 'red',
        targeting: { if: [{ $ref: 'isStaff' }, 'blue', null] },
        metadata: { owner: 'web' },
      },
      open: { state: 'DISABLED', variants: { on: true, off: false }, defaultVariant: 'on' },
      code: { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: null, targeting: {} },
    },
    $evaluators: { isStaff: { $ref: 'isOurs' }, isOurs: { ends_with: [{ var: 'email' }, '@example.org'] } },
    metadata: { set: 'shop', owner: 'all' },
  }

  it('becomes documents that answer as it says', () => {
    const { documents, faults } = readFlagdFile(file)
    expect(faults).toEqual([])
    const state = flagsOf(documents.map(({ document }) => compiled(document)))
    expect(ask(state, 'colour', { email: 'ann@example.org' })).toMatchObject({
      value: '#00f',
      reason: 'TARGETING_MATCH',
    })
    expect(ask(state, 'colour', {})).toMatchObject({ value: '#f00', reason: 'DEFAULT' })
    expect(state.flags['colour']?.spec.metadata).toEqual({ set: 'shop', owner: 'web' })
    expect(ask(state, 'open')).toMatchObject({ value: undefined, reason: 'DISABLED' })
    expect(ask(state, 'code')).toMatchObject({ value: undefined, reason: 'DEFAULT', errorCode: null })
  })

  it.each<[string, unknown, string]>([
    ['no flags', {}, 'flags'],
    ['no object', [], 'flags'],
    ['no state', { flags: { a: { variants: {} } } }, 'flags.a.state'],
    ['no variants', { flags: { a: { state: 'ENABLED' } } }, 'flags.a.variants'],
    ['a part that is not there', { ...file, $evaluators: {} }, 'flags.colour.targeting'],
    ['a part of itself', { ...file, $evaluators: { isStaff: { '!': [{ $ref: 'isStaff' }] } } }, '$evaluators.isStaff'],
    ['an unknown key', { flags: { a: { state: 'ENABLED', variants: {}, rules: [] } } }, 'flags.a.rules'],
    ['a default that is no name', flagdFlag({ defaultVariant: true }), 'flags.a.defaultVariant'],
    ['a targeting that is no expression', flagdFlag({ targeting: [{ var: 'a' }] }), 'flags.a.targeting'],
    ['metadata that are none', flagdFlag({ metadata: 'web' }), 'flags.a.metadata'],
    ['metadata of all that are none', { ...file, metadata: [] }, 'metadata'],
    ['parts that are none', { ...file, $evaluators: [] }, '$evaluators'],
    [
      'parts that double at every step',
      { ...flagdFlag({ targeting: { $ref: 'p0' } }), $evaluators: partsOf(40, next => ({ and: [next, next] })) },
      'flags.a.targeting',
    ],
    [
      'parts in a row without end',
      { ...flagdFlag({ targeting: { $ref: 'p0' } }), $evaluators: partsOf(5_000, next => ({ '!': [next] })) },
      'flags.a.targeting',
    ],
  ])('with %s is refused there', (_, given, path) => {
    expect(readFlagdFile(given).faults.map(fault => fault.path)).toContain(path)
  })
})
