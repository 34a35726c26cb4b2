/** What passes between a connection's thread and the one that waits for it. */

/** Of one connection. Times in milliseconds. */
export type ConnectionSettings = {
  url: string
  /** For those who look at the server's activity. */
  applicationName: string
  connectTimeoutMs: number
  /** What the server, or a way to it that is dead, may take for one statement. */
  statementTimeoutMs: number
}

export type PostgresValue = string | number | bigint | Uint8Array | null

export type PostgresRequest =
  | { kind: 'query'; name: string; text: string; values: readonly PostgresValue[]; asArrays: boolean }
  /** Several statements at once, without values. Their last rows are the answer's. */
  | { kind: 'script'; text: string }
  | { kind: 'close' }

export type PostgresReply =
  | { ok: true; rows: readonly unknown[]; count: number }
  /** `code` is PostgreSQL's, or the system's; empty where there is none. */
  | { ok: false; code: string; message: string; isConnected: boolean }
