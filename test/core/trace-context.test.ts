import { expect, test } from 'vitest'
import { formatTraceParent, isSampled, parseTraceParent } from '../../src/core/trace-context.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const parent = `00-${traceId}-${spanId}-01`

test('a place in a trace is read and written', () => {
  const read = parseTraceParent(parent)
  expect(read).toEqual({ traceId, spanId, flags: 1 })
  expect(read && [formatTraceParent(read), isSampled(read)]).toEqual([parent, true])
  expect(parseTraceParent(`00-${traceId}-${spanId}-02`)).toMatchObject({ flags: 2 })
})

test('of a later version the first four parts count', () => {
  expect(parseTraceParent(`cc-${traceId}-${spanId}-01-what-comes`)).toMatchObject({ traceId, spanId })
})

test.each([
  ['version ff', `ff-${traceId}-${spanId}-01`],
  ['more after the flags in version 00', `${parent}-x`],
  ['upper case', parent.toUpperCase()],
  ['a trace of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
  ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['a short trace', `00-${traceId.slice(1)}-${spanId}-01`],
  ['two joined', `${parent}, ${parent}`],
  ['nothing', ''],
])('%s is malformed', (_what, text) => {
  expect(parseTraceParent(text)).toBeNull()
})
