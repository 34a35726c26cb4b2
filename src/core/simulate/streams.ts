/**
 * Random numbers of a simulation: one seed gives as many independent streams as have names, so that what one part draws
 * changes nothing for the others, and strategies that are compared meet the same weather.
 */
import { type Random, randomFrom } from '../../stats/numerics/random.ts'
import { murmur3 } from '../assign.ts'

const utf8 = new TextEncoder()

export function streamOf(seed: number, name: string): Random {
  const bytes = utf8.encode(`${seed} ${name}`)
  // 53 bits of two hashes: a double holds them exactly.
  return randomFrom((murmur3(bytes, 1) >>> 11) * 0x1_0000_0000 + murmur3(bytes, 2))
}
