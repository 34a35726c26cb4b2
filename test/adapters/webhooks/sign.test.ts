import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { secretProblem, signatureHeaders } from '../../../src/adapters/webhooks/sign.ts'

const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', atMs: 1_614_265_330_500, body: '{"test": 2432232314}' }

describe('a signature', () => {
  /** The example of the Standard Webhooks specification's own libraries. */
  it('is the one of the specification', () => {
    const signed = signatureHeaders({ ...message, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' })
    expect(signed).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  it('takes a secret without the prefix as it is written', () => {
    const expected = createHmac('sha256', 'hush').update(`${message.id}.1614265330.${message.body}`).digest('base64')
    expect(signatureHeaders({ ...message, secret: 'hush' })['webhook-signature']).toBe(`v1,${expected}`)
  })

  it.each([
    ['whsec_', 'what the variable HUSH holds after whsec_ is not base64'],
    ['whsec_not quite', 'what the variable HUSH holds after whsec_ is not base64'],
    [null, 'the variable HUSH holds no secret'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', null],
    ['hush', null],
  ])('with the secret %j is not made, or is: %s', (secret, problem) => {
    expect(secretProblem({ env: 'HUSH' }, secret)).toBe(problem)
    expect(secretProblem(null, null)).toBeNull()
  })

  it('is left out where there is no secret', () => {
    expect(signatureHeaders({ ...message, secret: null })['webhook-signature']).toBeUndefined()
  })
})
