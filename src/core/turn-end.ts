/**
 * What is to be done once for many at the end of a turn of the event loop. Writes that follow each other closely find the
 * one that they are for awake: each by itself, between reads, would wake it up again, and that costs more than the write.
 */
export class TurnEnd<Item> {
  readonly #schedule: (run: () => void) => void
  readonly #finish: (item: Item) => void
  #due: Item[] = []
  /** Used in turns with `#due`, so that no turn makes a list of its own. */
  #spare: Item[] = []

  /** `schedule` runs it once what has been read in this turn is dealt with. */
  constructor(schedule: (run: () => void) => void, finish: (item: Item) => void) {
    this.#schedule = schedule
    this.#finish = finish
  }

  /** In the order in which they came; what comes meanwhile waits for the next turn. */
  add(item: Item): void {
    if (this.#due.length === 0) this.#schedule(this.#run)
    this.#due.push(item)
  }

  readonly #run = (): void => {
    const due = this.#due
    this.#due = this.#spare
    this.#spare = due
    let done = 0
    try {
      for (const item of due) {
        done += 1
        this.#finish(item)
      }
    } finally {
      // After one that throws the others come in the next turn.
      if (done < due.length) for (const item of due.slice(done)) this.add(item)
      due.length = 0
    }
  }
}
