import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openWorkplace, root, type Workplace } from './process.ts'

const marksAlone = '--no-concurrent-marking'
const onOneCore = ['taskset', '-c', '0', process.execPath] as const
const resources = `kind: Endpoint
name: digits
stable: v1
versions: { v1: { onnx: ${root}/examples/digits/models/v1.onnx } }
`

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

const wordsOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')

it('a server on one core starts anew under its own id, marking alone, and ends as any other', async () => {
  const file = place.write('digits.yaml', resources)

  const server = await place.serve(['-c', file], {}, onOneCore)

  const words = wordsOf(server.pid)
  expect(words.filter(word => word === marksAlone)).toHaveLength(1)
  expect(words.filter(word => word !== '').at(-1)).toBe(file)
  expect(await server.stop()).toBe(0)
})

it('a flag of V8 that somebody has set for the collector is left alone', async () => {
  const server = await place.serve(['-c', place.write('digits.yaml', resources)], {}, [
    ...onOneCore,
    '--concurrent-marking',
  ])

  expect(wordsOf(server.pid)).not.toContain(marksAlone)
})
