import { expect, it } from 'vitest'

it('a regular expression in an object is matched, and not taken for anything', () => {
  expect({ reason: 'too few requests', deep: [{ of: 'v2' }] }).toMatchObject({ reason: /few/, deep: [{ of: /^v2$/ }] })
  for (const wrong of [{ reason: /many/ }, { deep: [{ of: /v3/ }] }])
    expect(() => expect({ reason: 'too few requests', deep: [{ of: 'v2' }] }).toMatchObject(wrong)).toThrow()
  expect(() => expect({ reason: null }).toMatchObject({ reason: /null/ })).toThrow()
})
