import { expect, it } from 'vitest'
import { printable } from '../../src/cli/text.ts'

it.each([
  ['a colour', 'a \u001b[31mred', 'a [31mred'],
  ['a line of its own', 'one\n  two', 'one two'],
  ['words from right to left', 'v2 \u202Eevil\u202C \u2066x\u2069', 'v2 evil x'],
])('a name cannot bring %s into a line', (_, text, shown) => {
  expect(printable(text)).toBe(shown)
})
