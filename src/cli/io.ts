/** What the command line reads and writes: the process's own streams, or a test's. */

import type { Prompts } from './prompts.ts'

export type TextSink = { write(text: string): unknown; isTTY?: boolean | undefined }

export type CliIo = {
  stdout: TextSink
  stderr: TextSink
  stdin: { isTTY?: boolean | undefined; read(): Promise<string> }
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  /** How a person is asked; at the terminal itself where it is left out. */
  prompts?: () => Promise<Prompts>
}

export function processIo(): CliIo {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  // What nobody can be told, on a full disk or a terminal that is gone, ends neither a command nor a server.
  process.stderr.on('error', () => {})
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: { isTTY: process.stdin.isTTY, read: () => readAll(process.stdin) },
    env: process.env,
    cwd: process.cwd(),
  }
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}
