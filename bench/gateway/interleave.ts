/** Every round runs all contestants, in turns from the front and from the back. */
export async function interleaved<One, Run>(
  contestants: readonly One[],
  measuring: { rounds: number; run: (one: One) => Promise<Run> },
): Promise<Run[][]> {
  const results: Run[][] = contestants.map(() => [])
  for (let round = 0; round < measuring.rounds; round += 1) {
    const places = [...contestants.keys()]
    for (const place of round % 2 === 0 ? places : places.toReversed()) {
      const one = contestants[place]
      if (one !== undefined) results[place]?.push(await measuring.run(one))
    }
  }
  return results
}
