/** What Cutover and the guard of a command tell each other. */
export type ToGuard =
  | { kind: 'start'; argv: readonly string[]; cwd: string; env: Record<string, string>; graceMs: number }
  /** Asks the command and all it started to end (SIGTERM), and makes them after `graceMs` (SIGKILL). */
  | { kind: 'terminate' }

export type FromGuard =
  /** The number of the process group, which is that of the command. */
  | { kind: 'started'; group: number }
  | { kind: 'not-started'; code: string; message: string }
  | { kind: 'exited'; code: number | null; signal: string | null }
