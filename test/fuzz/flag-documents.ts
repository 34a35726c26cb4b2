/** Flag documents that are mostly right, their targeting from all of flagd's operators, and contexts to ask with. */
import type { Draw } from './answer-bytes.ts'
import { drawJson, type Words } from './json-text.ts'

const operators = [
  ['var', 'missing', 'missing_some', 'if', '?:', 'and', 'or', '!', 'not', '!!', 'in', 'cat', 'substr', 'merge', 'map'],
  ['filter', 'all', 'some', 'none', 'reduce', 'starts_with', 'ends_with', 'sem_ver', 'fractional', '==', '===', '!='],
  ['!==', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', 'min', 'max'],
].flat()
const attributes = [
  'targetingKey',
  'mail',
  'age',
  'app',
  'list',
  'nested.deep',
  '$flagd.timestamp',
  'accumulator',
  'current',
  '',
]
const contextWords: Words = {
  names: ['targetingKey', 'mail', 'age', 'app', 'list', 'nested', 'deep', 'toString'],
  values: ['"user-1"', '"a@example.org"', '17', '"1.4.0"', '["a","b"]', '[1,2,3]', '{"deep":{"deep":1}}', '"on"'],
}

/** `{"documents": […], "contexts": […]}` */
export function drawFlags(draw: Draw): Buffer {
  const documents = Array.from({ length: 1 + draw.below(3) }, (_, at) => drawDocument(draw, `f${at}`))
  const contexts = Array.from(
    { length: 1 + draw.below(4) },
    () => `{"${draw.of(['targetingKey', 'mail'])}":"u","x":${drawJson(draw, contextWords)}}`,
  )
  const loose = Array.from({ length: draw.below(3) }, () => drawJson(draw, contextWords, 0, 4))
  return Buffer.from(`{"documents":${JSON.stringify(documents)},"contexts":[${[...contexts, ...loose].join(',')}]}`)
}

function drawDocument(draw: Draw, name: string): object {
  const maybe = (share: number, part: () => object): object => (draw.chance(share) ? part() : {})
  const serving = () =>
    draw.chance(0.5)
      ? { serve: draw.of(['on', 'off', 'gone']) }
      : { rollout: draw.of<unknown>([{ on: '25%', off: '75%' }, { on: '100%' }, { on: '1%' }]) }
  return {
    kind: 'Flag',
    name,
    ...maybe(0.3, () => ({ type: draw.of(['boolean', 'string', 'number', 'object']) })),
    ...maybe(0.2, () => ({
      variants: draw.of<unknown>([{ on: 1, off: 2 }, { on: 'a', off: 'b' }, { on: {}, off: [] }, {}]),
    })),
    ...maybe(0.2, () => ({ enabled: draw.chance(0.5) })),
    ...maybe(0.2, () => ({ off: draw.of([null, 'off', 'gone']) })),
    ...serving(),
    ...maybe(0.3, () => ({
      requires: [{ flag: draw.of(['f0', 'f1', 'f2', 'none']), is: draw.of<unknown>(['on', ['on', 'off']]) }],
    })),
    ...maybe(0.5, () =>
      draw.chance(0.5)
        ? { targeting: drawOperator(draw, 3) }
        : { rules: [{ name: 'r', when: drawConditions(draw), ...serving() }] },
    ),
    ...maybe(0.1, () => ({
      schedule: [
        { at: '2026-03-01T00:00:00Z', serve: 'on' },
        { at: '2026-04-01T00:00:00Z', enabled: false },
      ],
    })),
  }
}

function drawConditions(draw: Draw): object[] {
  const attribute = draw.of(attributes)
  const conditions: object[] = [
    { attribute, is: draw.of<unknown>(['u', 17, ['a', 'b']]) },
    { attribute, prefix: 'a' },
    { attribute, suffix: ['b', 'c'] },
    { attribute, 'at-least': 1, 'less-than': 18 },
    { attribute, semver: draw.of(['>=1.4', '^1', 'x', '1 || 2']) },
    { attribute, exists: draw.chance(0.5) },
    { segment: 'none' },
    { from: '2026-01-01T00:00:00Z' },
    { during: { days: ['sat'], from: '08:00', to: '10:00', zone: 'UTC' } },
  ]
  return [draw.of(conditions), ...(draw.chance(0.3) ? [{ any: [draw.of(conditions), draw.of(conditions)] }] : [])]
}

function drawOperator(draw: Draw, depth: number): object {
  const argument = (): unknown => {
    if (depth > 0 && draw.chance(0.5)) return drawOperator(draw, depth - 1)
    if (draw.chance(0.4)) return { var: draw.chance(0.8) ? draw.of(attributes) : [draw.of(attributes), 'else'] }
    return draw.of<unknown>([
      'on',
      'off',
      'a',
      0,
      1,
      -1,
      1e308,
      null,
      true,
      '',
      [],
      ['on', 50],
      ['off', 50],
      ['on', -1],
      '>=',
      '1.2.3',
      [1, 2],
    ])
  }
  const list = Array.from({ length: draw.below(5) }, argument)
  return { [draw.of(operators)]: draw.chance(0.9) ? list : argument() }
}
