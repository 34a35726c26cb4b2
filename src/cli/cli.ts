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
import { errorJson, errorText, exitCodes, toCliError } from './errors.ts'
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
  const program = createProgram(actions, io, code => {
    exitCode = code
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (thrown) {
    // Commander has written its message, the help or the version by then.
    if (thrown instanceof CommanderError) return commanderCode(io, program, thrown)
    const error = toCliError(thrown)
    io.stderr.write(program.opts()['output'] === 'json' ? errorJson(error) : errorText(error))
    return error.exitCode
  }
}

/** Asked for the help of a word that is no command, Commander shows the help of what is above it and is content. */
function commanderCode(io: CliIo, program: Command, thrown: CommanderError): number {
  const word = thrown.code === 'commander.helpDisplayed' ? unknownWord(program) : null
  if (word !== null) io.stderr.write(`error: unknown command '${word}'\n`)
  return thrown.exitCode === 0 && word === null ? exitCodes.done : exitCodes.usage
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

function createProgram(actions: CliActions, io: CliIo, end: (exitCode: number) => void): Command {
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
      writeErr: text => io.stderr.write(text),
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
  return program
}
