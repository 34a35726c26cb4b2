import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import {
  errorsPath,
  referencePath,
  renderErrors,
  renderReference,
  renderSchema,
  schemaPath,
} from '../../scripts/schema.ts'

it.each([
  [schemaPath, renderSchema],
  [referencePath, renderReference],
  [errorsPath, renderErrors],
])('%s is what `node scripts/schema.ts` writes', (path, render) => {
  expect(readFileSync(path, 'utf8')).toBe(render())
})
