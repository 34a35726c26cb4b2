/** Secrets by Node's own cryptography. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Secrets } from '../../ports/secrets.ts'

const idBytes = 6
const secretBytes = 32

export const nodeSecrets: Secrets = {
  make: () => ({ id: randomBytes(idBytes).toString('hex'), secret: randomBytes(secretBytes).toString('base64url') }),
  hash: secret => digest(secret).toString('hex'),
  matches: (secret, hash) => timingSafeEqual(digest(secret), Buffer.from(hash, 'hex')),
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
