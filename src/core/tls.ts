/** Where keys and certificates are found. Their files are read by the adapters, again whenever they change. Plain data. */

/** PEM files by which a listener proves itself; `clientCa` is the authority of those callers it lets in, null for all. */
export type ListenerTls = { cert: string; key: string; clientCa: string | null }

/** How a model server proves itself, and Cutover to it. What is left out is as Node has it by default. */
export type UpstreamTls = {
  /** PEM file of the authorities that count, instead of those that come with Node. */
  ca?: string
  cert?: string
  key?: string
  /** The name that its certificate must have, where the address does not say it. */
  serverName?: string
  /** Whoever answers is believed. */
  insecure?: true
}
