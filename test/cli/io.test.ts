import { expect, it, onTestFinished } from 'vitest'
import { processIo } from '../../src/cli/io.ts'

const streams = [process.stdout, process.stderr]

it('a full disk under what is said beside the result ends no command', () => {
  const before = streams.map(stream => stream.listeners('error'))
  onTestFinished(() => {
    for (const [index, stream] of streams.entries())
      for (const listener of stream.listeners('error'))
        if (!before[index]?.includes(listener)) stream.off('error', listener as (error: Error) => void)
  })
  processIo()
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  expect(() => process.stderr.emit('error', full)).not.toThrow()
})
