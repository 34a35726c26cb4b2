import { expect, test } from 'vitest'
import { copyFields } from '../../../src/gateway/mirror/copy-fields.ts'

test("the id of the shadow stands in place of the champion's, and whatever a caller wrote stays as it is", () => {
  const callers = 'note: x-cutover-prediction-id: p1\r\nX-Tenant: x-cutover-prediction-id: p1\r\n'
  const champions = `${callers}x-cutover-prediction-id: p1\r\nvia: 1.1 cutover\r\n`
  expect(copyFields(champions, 'p1', 'v2')).toBe(
    `${callers}via: 1.1 cutover\r\nx-cutover-prediction-id: p1~v2\r\nx-cutover-shadow: v2\r\n`,
  )
})
