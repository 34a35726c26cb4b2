/**
 * Signatures of what is sent, after the Standard Webhooks specification (https://www.standardwebhooks.com): HMAC-SHA256 over
 * `id.timestamp.body`, in base64, as `v1,<signature>`; the timestamp counts seconds since 1970. A secret that begins with
 * `whsec_` is base64, any other is taken as it is.
 */
import { createHmac } from 'node:crypto'
import type { SecretRef } from '../../core/webhook.ts'

export function signatureHeaders(input: {
  id: string
  atMs: number
  body: string
  secret: string | null
}): Record<string, string> {
  const { id, atMs, body, secret } = input
  const timestamp = String(Math.floor(atMs / 1000))
  const named = { 'webhook-id': id, 'webhook-timestamp': timestamp }
  if (secret === null) return named
  const digest = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { ...named, 'webhook-signature': `v1,${digest}` }
}

const encodedPrefix = 'whsec_'
const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/** Why nothing can be signed that is to be; a key of no bytes would be everybody's. Null where all is well. */
export function secretProblem(asked: SecretRef | null, secret: string | null): string | null {
  if (asked === null) return null
  if (secret === null) return `the variable ${asked.env} holds no secret`
  const isReadable = !secret.startsWith(encodedPrefix) || base64.test(secret.slice(encodedPrefix.length))
  return isReadable ? null : `what the variable ${asked.env} holds after ${encodedPrefix} is not base64`
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(encodedPrefix)
    ? Buffer.from(secret.slice(encodedPrefix.length), 'base64')
    : Buffer.from(secret, 'utf8')
}
