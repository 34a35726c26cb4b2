/**
 * The command line. It asks a running server for everything; only `serve` and `demo` are something else, and they are
 * handed in. Nothing here is heavy to load, so that `--help` answers at once and on any Node that can parse it.
 */
import { Command, CommanderError, Option } from 'commander'
import { registerAdvise } from './commands/advise.ts'
import { registerApply } from './commands/apply.ts'
import { registerBacktest } from './commands/backtest.ts'
import { registerCompletion } from './commands/completion.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerExplain } from './commands/explain.ts'
import { registerFeedback } from './commands/feedback.ts'
import { registerFlags } from './commands/flags.ts'
import { registerGet } from './commands/get.ts'
import { registerKeys } from './commands/keys.ts'
import { registerRelease } from './commands/release.ts'
import { registerSegments } from './commands/segments.ts'
import { registerServe } from './commands/serve.ts'
import { registerSimulate } from './commands/simulate.ts'
import { registerStatus } from './commands/status.ts'
import { registerVerbs } from './commands/verbs.ts'
import { type CliError, errorJson, errorText, exitCodes, toCliError, usageError } from './errors.ts'
import {
  type CliActions,
  createInvocation,
  defaultInference,
  defaultServer,
  examples,
  type Register,
} from './invocation.ts'
import { type CliIo, processIo } from './io.ts'

export type Cli = { run(argv: readonly string[]): Promise<number> }

export function createCli(actions: CliActions, io: CliIo = processIo()): Cli {
  return { run: argv => run(actions, io, argv) }
}

async function run(actions: CliActions, io: CliIo, argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.done
  // What Commander says of words that it does not understand; whether as text or as JSON is known once it has read all of them.
  let complaint = ''
  const program = createProgram(actions, io, {
    end: code => {
      exitCode = code
    },
    complain: text => {
      complaint += text
    },
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (thrown) {
    const isJson = program.opts()['output'] === 'json'
    if (thrown instanceof CommanderError) return commanderCode(io, program, { thrown, complaint, isJson })
    const error = toCliError(thrown)
    io.stderr.write(isJson ? errorJson(error) : errorText(error))
    return error.exitCode
  }
}

type Unparsed = { thrown: CommanderError; complaint: string; isJson: boolean }

/** Asked for the help of a word that is no command, Commander shows the help of what is above it and is content. */
function commanderCode(io: CliIo, program: Command, { thrown, complaint, isJson }: Unparsed): number {
  const word = thrown.code === 'commander.helpDisplayed' ? unknownWord(program) : null
  // The help or the version is on standard output by then.
  if (thrown.exitCode === 0 && word === null) return exitCodes.done
  const said = word === null ? complaint : `${complaint}error: unknown command '${word}'\n`
  io.stderr.write(isJson ? errorJson(usageOf(program, thrown, word)) : said)
  return exitCodes.usage
}

function usageOf(program: Command, { code, message }: CommanderError, word: string | null): CliError {
  if (word !== null) return usageError(`unknown command '${word}'`)
  if (code !== 'commander.help') return usageError(message.replace(/^error: /, '').replaceAll('\n', ' '))
  const [first, second] = program.args
  if (first === 'help' && second !== undefined) return usageError(`unknown command '${second}'`)
  const command = lastCommand(program)
  const allowed = command.commands.map(one => one.name())
  return usageError('a command is missing', [{ path: pathOf(command), message: 'needs a command', allowed }])
}

/** The innermost command that was named. */
function lastCommand(command: Command): Command {
  const inner = command.commands.find(one => one.name() === command.args[0])
  return inner === undefined ? command : lastCommand(inner)
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function unknownWord(command: Command): string | null {
  const [word] = command.args
  if (word === undefined || word.startsWith('-') || command.commands.length === 0) return null
  const found = command.commands.find(one => one.name() === word || one.aliases().includes(word))
  if (found !== undefined) return unknownWord(found)
  return word === 'help' ? null : word
}

/** In the order in which the help lists them. */
const commands: readonly Register[] = [
  registerServe,
  registerApply,
  registerGet,
  registerAdvise,
  registerRelease,
  registerStatus,
  registerVerbs,
  registerExplain,
  registerFeedback,
  registerFlags,
  registerSegments,
  registerSimulate,
  registerBacktest,
  registerKeys,
  registerDoctor,
  registerCompletion,
]

type Hears = { end(exitCode: number): void; complain(text: string): void }

function createProgram(actions: CliActions, io: CliIo, { end, complain }: Hears): Command {
  const program = new Command('cutover')
    .description('Releases machine-learning models with evidence.')
    .version(actions.version, '-V, --version')
    .addOption(new Option('-o, --output <format>', 'how to answer').choices(['text', 'json']).default('text'))
    .option('--server <url>', `control listener (CUTOVER_SERVER; default ${defaultServer})`)
    .option('--inference <url>', `inference listener (CUTOVER_INFERENCE; default ${defaultInference})`)
    .option('--api-key <key>', 'key of both listeners, where they ask for one (CUTOVER_API_KEY)')
    .option('--api-key-file <file>', 'file that holds it (CUTOVER_API_KEY_FILE)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: text => io.stdout.write(text),
      writeErr: complain,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError('(cutover COMMAND --help shows how)')
    .exitOverride()
    .addHelpText(
      'after',
      examples('cutover demo', 'cutover serve -c cutover.yaml', 'cutover release digits --to v2 --wait'),
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 usage, 3 release rolled back, 4 release holds or timed out.',
    )
  for (const register of commands) {
    register(program, handler => async (...all) => {
      const command = all.at(-1) as Command
      const invocation = createInvocation(actions, io, command.optsWithGlobals())
      end(await handler(invocation, command.processedArgs as string[], command.opts()))
    })
  }
  for (const command of program.commands) pointToOwnHelp(command)
  return program
}

/** After a word that a command does not take, its own help is what tells. */
function pointToOwnHelp(command: Command): void {
  command.showHelpAfterError(`(${pathOf(command)} --help shows how)`)
  for (const inner of command.commands) pointToOwnHelp(inner)
}
