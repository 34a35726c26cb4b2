import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { advicePath, renderAdvice } from '../../scripts/advice.ts'
import { knowledge, questions } from '../../src/contract/advice-questions.ts'
import { rules } from '../../src/core/advise/rules/rules.ts'
import { sources } from '../../src/core/advise/sources.ts'

const page = readFileSync(advicePath, 'utf8')

it('the guide holds the rules as `node scripts/advice.ts` writes them', () => {
  expect(renderAdvice(page)).toBe(page)
})

it('every rule stands in the guide once, and every source is of a rule', () => {
  const rows = rules.map(({ name }) => page.split(`| \`${name}\` |`).length - 1)
  expect(rows.every(count => count === 1)).toBe(true)
  const used = new Set<string>(rules.map(({ source }) => source))
  expect(Object.keys(sources).filter(source => !used.has(source))).toEqual([])
})

it('the guide tells every flag', () => {
  const flags = [...Object.keys(questions), ...Object.keys(knowledge)]
  expect(flags.filter(flag => !page.includes(`--${flag}`))).toEqual([])
})
