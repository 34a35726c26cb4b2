import fc from 'fast-check'
import { expect, test } from 'vitest'
import { publicAddress } from '../../src/adapters/postgres/address.ts'
import { arrayLiteral, forPostgres, fromText, toText } from '../../src/adapters/postgres/portable.ts'

test.each([
  ['SELECT 1 FROM a WHERE b = ? AND c > ?', 'SELECT 1 FROM a WHERE b = $1 AND c > $2'],
  ['SELECT ?2, ?1, ?2', 'SELECT $2, $1, $2'],
  ['SELECT 1 FROM a INDEXED BY a_by_b WHERE b = ?', 'SELECT 1 FROM a WHERE b = $1'],
  ['SELECT 1 FROM a NOT INDEXED', 'SELECT 1 FROM a'],
  ['SELECT 1 FROM a CROSS JOIN b ON a.c = b.c', 'SELECT 1 FROM a JOIN b ON a.c = b.c'],
])('%s is asked as %s', (sql, asked) => expect(forPostgres(sql)).toBe(asked))

const anyText = fc.string({ unit: fc.constantFrom('\0', '\uE000', '0', 'e', 'a', '"', '\\', ',', '{', '}', ' ') })

test('any text comes back as it was, and none holds the character 0 on the way', () => {
  fc.assert(
    fc.property(anyText, text => {
      expect(toText(text)).not.toContain('\0')
      expect(fromText(toText(text))).toBe(text)
    }),
  )
})

test('different texts stay different', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      expect(toText(one) === toText(other)).toBe(one === other)
    }),
  )
})

test('texts of an array are in quotes, whatever they hold', () => {
  expect(arrayLiteral(['a', '', 'NULL', 'b"c', 'd\\e', '{f,g}'])).toBe('{"a","","NULL","b\\"c","d\\\\e","{f,g}"}')
})

test.each([
  ['postgres://ada:hush@db.internal:5433/cutover?sslmode=require', 'postgres://ada@db.internal:5433/cutover'],
  ['postgresql://db/cutover', 'postgres://db/cutover'],
])('%s is told as %s', (url, told) => expect(publicAddress(url)).toBe(told))
