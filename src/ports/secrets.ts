/** What needs randomness and a hash function. */
export interface Secrets {
  /** A new id and a secret of 256 random bits, as `parseKey` reads them. */
  make(): { id: string; secret: string }
  /** SHA-256 in hex. */
  hash(secret: string): string
  /** Takes as long whatever the secret is. */
  matches(secret: string, hash: string): boolean
}
