import { once } from 'node:events'
import { getPriority } from 'node:os'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'

const thread = `
  const { getPriority } = require('node:os')
  const { readlinkSync } = require('node:fs')
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData).then(({ giveWay }) => {
    giveWay(5)
    parentPort.postMessage(getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1))))
  })
`

test.runIf(process.platform === 'linux')(
  'a thread that gives way does so alone: the process keeps its priority',
  async () => {
    const before = getPriority()
    const worker = new Worker(thread, {
      eval: true,
      workerData: new URL('../../src/adapters/thread-priority.ts', import.meta.url).href,
    })
    const [niceness] = await once(worker, 'message')
    await worker.terminate()
    expect(niceness).toBe(Math.min(19, before + 5))
    expect(getPriority()).toBe(before)
  },
)
