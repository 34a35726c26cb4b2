import { expect, test } from 'vitest'
import { cookie } from '../../src/gateway/unit.ts'

/** As a field comes: one character for each byte. */
const bytes = (text: string) => Buffer.from(text).toString('latin1')

test.each([
  ['the first of that name', 'a=1; user=2; user=3', '2'],
  ['without blanks around it', 'user=\t 2 \t; b=1', '2'],
  ['without its quotes', 'user="a b"', 'a b'],
  ['with a last letter whose bytes end in what is a blank elsewhere', bytes('user=là; b=1'), 'là'],
  ['none of an empty one', 'user=', undefined],
  ['none of another name', 'xuser=1', undefined],
])('a cookie is %s', (_what, field, value) => {
  expect(cookie(field, 'user')).toBe(value)
})
