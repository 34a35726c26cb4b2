import { describe, expect, it } from 'vitest'
import { parseDocuments } from '../../src/config/documents.ts'
import { thrownBy } from '../support/thrown.ts'

const valuesOf = (text: string) => parseDocuments(text, { source: 'f.yaml' }).map(({ value }) => value)
const pathsOf = (text: string) => thrownBy(() => valuesOf(text)).problems.map(({ path }) => path)

describe('parsing documents', () => {
  it.each([
    ['several documents, empty ones left out', '# c\n---\na: 1\n---\n---\nb: 2\n---\n', [{ a: 1 }, { b: 2 }]],
    ['JSON', '{"a": {"b": [1]}}', [{ a: { b: [1] } }]],
    ['a JSON array of documents, tabs and all', '[{"a":1},\n\t{"b":2}]', [{ a: 1 }, { b: 2 }]],
    ['nothing', '', []],
    ['a key that would reach a prototype stays a key', '{"__proto__": 1}', [Object.fromEntries([['__proto__', 1]])]],
  ])('reads %s', (_, text, expected) => expect(valuesOf(text)).toEqual(expected))

  it.each([
    ['duplicate keys', 'a: 1\nb:\n  c: 1\n  c: 2\n', ['f.yaml:4:3']],
    ['duplicate keys in JSON', '{"a":1,\n"a":2}', ['f.yaml:2:1']],
    ['tags that nothing knows', 'a: !secret x', ['f.yaml:1:4']],
    ['aliases without an anchor', 'a: *x', ['f.yaml:1:1']],
    [
      'numbers that JSON has no word for',
      'a: 1\nb: [.inf, -.Inf, {c: .nan}, 1e999]',
      [5, 11, 22, 29].map(col => `f.yaml:2:${col}`),
    ],
    ['broken notation, every fault', 'a: 1\na: 2\nb: [', ['f.yaml:2:1', 'f.yaml:3:5']],
  ])('refuses %s with line and column', (_, text, expected) => expect(pathsOf(text)).toEqual(expected))

  it('refuses aliases that multiply', () => {
    const lists = [...'abcdef'].map((name, i) => `${name}: &${name} [${Array(9).fill(i ? `*${'abcdef'[i - 1]}` : 1)}]`)
    expect(thrownBy(() => valuesOf(lists.join('\n'))).code).toBe('invalid-resource')
  })

  it.each([
    ['guardrails.latency-p99.9.margin', 7],
    ['guardrails.latency-p99', 5],
    ['stages[0].canary.steps[1]', 11],
    ['stages[0].canary.unknown', 9],
    ['unknown.path', 3],
    ['', 3],
  ])('knows the line of %s', (path, line) => {
    const text = [
      '# a release',
      '---',
      'kind: Release',
      'guardrails:',
      '  latency-p99: {margin: 1%}',
      '  latency-p99.9:',
      '    margin: 2%',
      'stages:',
      '  - canary: {steps: [',
      '      1%,',
      '      5%]}',
    ].join('\n')
    expect(parseDocuments(text, { source: 'f.yaml' })[0]?.lineOf(path)).toBe(line)
  })
})
