import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** A process that says things line by line and can be killed. */
export type Child = {
  pid: number
  /** Resolves with the lines so far once there are so many; rejects if the process ends before. */
  lines(count: number): Promise<readonly string[]>
  /** Kills it as the system does when memory runs out; resolves with all that it ever said. */
  kill9(): Promise<readonly string[]>
}

export function startChild(script: string, ...args: string[]): Child {
  const child = spawn(process.execPath, [new URL(`./fixtures/${script}`, import.meta.url).pathname, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const closed = once(child, 'close')
  const said: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', line => said.push(line))
  const lines = async (count: number) => {
    while (said.length < count) {
      const ended = await Promise.race([once(reader, 'line').then(() => false), closed.then(() => true)])
      if (ended && said.length < count) throw new Error(`${script} ended after ${said.length} of ${count} lines`)
    }
    return said
  }
  const kill9 = async () => {
    child.kill('SIGKILL')
    await closed
    return said
  }
  return { pid: child.pid ?? -1, lines, kill9 }
}
