/** The command line in this process, with its streams captured. */
import { createCli } from '../../src/cli/cli.ts'
import type { CliActions } from '../../src/cli/invocation.ts'
import type { Prompts } from '../../src/cli/prompts.ts'
import { parseDocuments } from '../../src/config/documents.ts'
import { simulate } from '../../src/main/simulate.ts'
import { inProcess } from './simulations.ts'

export type Ran = { code: number; out: string; err: string }

export type RunOptions = {
  stdin?: string
  env?: Record<string, string>
  cwd?: string
  isTTY?: boolean
  prompts?: Prompts
  actions?: Partial<CliActions>
  /** Called with everything written to standard output so far. */
  onOut?(out: string): void
}

export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let [out, err] = ['', '']
  const { prompts } = options
  const actions: CliActions = {
    version: '1.2.3',
    serve: async () => 0,
    demo: async () => 0,
    move: async () => ({ from: '', to: '', events: 0, predictions: 0, outcomes: 0 }),
    simulate: request => simulate(request, inProcess),
    parseDocuments,
    ...options.actions,
  }
  const io = {
    stdout: {
      isTTY: options.isTTY === true,
      write: (text: string) => {
        out += text
        options.onOut?.(out)
      },
    },
    stderr: { isTTY: false, write: (text: string) => (err += text) },
    stdin: { isTTY: options.stdin === undefined, read: async () => options.stdin ?? '' },
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    ...(prompts !== undefined && { prompts: async () => prompts }),
  }
  const code = await createCli(actions, io).run(argv)
  return { code, out, err }
}
