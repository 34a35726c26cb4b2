import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fifo } from '../../src/core/fifo.ts'

test('what came first goes first, however pushes and shifts are mixed', () => {
  const mixed = fc.array(fc.record({ pushes: fc.nat(40), shifts: fc.nat(40) }), { maxLength: 20 })
  fc.assert(
    fc.property(mixed, rounds => {
      const fifo = new Fifo<number>()
      const model: number[] = []
      let next = 0
      for (const { pushes, shifts } of rounds) {
        for (let one = 0; one < pushes; one += 1, next += 1) {
          fifo.push(next)
          model.push(next)
        }
        expect([fifo.size, fifo.first]).toEqual([model.length, model[0]])
        const shifted = Array.from({ length: shifts }, () => fifo.shift())
        expect(shifted).toEqual(Array.from({ length: shifts }, () => model.shift()))
      }
    }),
  )
})
