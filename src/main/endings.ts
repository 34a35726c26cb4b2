/** How the parts of a server end: the last one made is the first, and one that fails keeps no other from ending. */

export type Ending = () => unknown

/** Takes them all; rejects with the first failure once every one has been called and waited for. */
export async function endAll(endings: Ending[]): Promise<void> {
  const failures: unknown[] = []
  for (let end = endings.pop(); end !== undefined; end = endings.pop()) {
    try {
      await end()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
