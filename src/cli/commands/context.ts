/** What every command works with, made from the global options. */
import type { Client } from '../client.ts'
import type { Format, Io } from '../io.ts'

export type CommandContext = { io: Io; format: Format; control: Client; inference: Client }

/** A command answers its exit code. */
export type Action<Options> = (context: CommandContext, options: Options) => Promise<number>

/** A JSON document for programs, or text for people. */
export function show({ io, format }: CommandContext, data: unknown, text: () => string): void {
  io.out(format === 'json' ? JSON.stringify(data) : text())
}
