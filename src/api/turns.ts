/** Changes come one after another, so that what was checked still holds when it is applied. */
export type Turns = <Result>(run: () => Promise<Result>) => Promise<Result>

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return run => {
    const result = last.then(run, run)
    last = result.catch(() => undefined)
    return result
  }
}
