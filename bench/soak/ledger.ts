/** What callers saw, for the reckoning at the end. */

export type Ledger = {
  /** Ids of predictions by answered request, with the version that the answer named. */
  readonly answered: Map<string, string>
  /** Outcomes that were accepted. */
  readonly outcomes: Set<string>
  readonly statuses: Map<string, number>
  /** Sentences of what must not happen. */
  readonly wrongs: Map<string, number>
  /** Answers that ended before they were whole: a model server broke off. */
  cut: number
  /** Requests that a caller left by itself. */
  left: number
}

export function newLedger(): Ledger {
  return { answered: new Map(), outcomes: new Set(), statuses: new Map(), wrongs: new Map(), cut: 0, left: 0 }
}

export function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1)
}

/** The head of an answer: its id belongs to one answer alone. */
export function noteAnswer(ledger: Ledger, head: { kind: string; status: number; id: string; version: string }): void {
  count(ledger.statuses, `${head.kind} ${head.status}`)
  if (head.id === '') return
  if (ledger.answered.has(head.id)) count(ledger.wrongs, 'an id was given to two answers')
  ledger.answered.set(head.id, head.version)
}
