/** The command line: words in, an exit code out. Serving and the demo are handed in; everything else speaks HTTP to a server. */
import { Command, CommanderError, Option } from 'commander'
import { createClient } from './client.ts'
import type { Action, CommandContext } from './commands/context.ts'
import { doctor } from './commands/doctor.ts'
import { feedback } from './commands/feedback.ts'
import { explain, operate, release, status } from './commands/releases.ts'
import { apply, describe, get, remove } from './commands/resources.ts'
import { completionScript, shells } from './completion.ts'
import type { Format, Io } from './io.ts'
import { CliFault, exit, writeFault } from './outcome.ts'

export type ServeFlags = {
  config?: string
  data?: string
  inferenceHost?: string
  inferencePort?: string
  controlHost?: string
  controlPort?: string
  logLevel?: string
}

export type CliActions = {
  version: string
  serve: (flags: ServeFlags, io: Io) => Promise<number>
  demo: (options: { once: boolean; json: boolean; seed: number }, io: Io) => Promise<number>
}

const defaultServer = 'http://127.0.0.1:8081'
const defaultInference = 'http://127.0.0.1:8080'

/** Runs one command line and answers its exit code; never throws for what a person did. */
export async function runCli(argv: readonly string[], actions: CliActions, io: Io): Promise<number> {
  const end = { code: exit.done as number }
  const program = createProgram(actions, io, end)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return end.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.usage
    if (!(error instanceof CliFault)) throw error
    const isJson = program.opts()['output'] === 'json' || argv.join(' ').includes('-o json')
    io.err(
      isJson
        ? JSON.stringify({ error: { code: error.code, detail: error.message, problems: error.problems } })
        : writeFault(error),
    )
    return error.exitCode
  }
}

function createProgram(actions: CliActions, io: Io, end: { code: number }): Command {
  const program = new Command('cutover')
    .description('Releases machine-learning models with evidence.')
    .version(actions.version)
    .option('--server <url>', `control listener of the server (variable CUTOVER_SERVER, default ${defaultServer})`)
    .option(
      '--inference <url>',
      `inference listener of the server (variable CUTOVER_INFERENCE, default ${defaultInference})`,
    )
    .addOption(
      new Option('-o, --output <format>', 'text for people, json for programs')
        .choices(['text', 'json'])
        .default('text'),
    )
    .showHelpAfterError('(--help shows what is allowed)')
    .exitOverride()
    .configureOutput({ writeOut: text => io.out(text.trimEnd()), writeErr: text => io.err(text.trimEnd()) })
  program.addHelpText(
    'after',
    '\nExamples:\n  cutover demo\n  cutover serve -c cutover.yaml\n  cutover release digits --to v2 --wait\n  cutover explain digits-1\n\nExit codes: 0 done, 1 failed, 2 usage, 3 release rolled back, 4 release holds or timed out.',
  )

  const command = (usage: string, about: string, examples: readonly string[]): Command => {
    const made = program.command(usage).description(about)
    made.addHelpText('after', `\nExamples:\n${examples.map(one => `  cutover ${one}`).join('\n')}`)
    // Global options are understood after the command too, where people write them.
    made.option('--server <url>').option('--inference <url>')
    made.addOption(new Option('-o, --output <format>').choices(['text', 'json']))
    return made
  }
  const run = async <Options>(made: Command, action: Action<Options>, options: Options): Promise<void> => {
    end.code = await action(contextOf(program, made, io), options)
  }
  registerServer({ command, actions, io, end })
  registerResources({ command, run })
  registerReleases({ command, run })
  registerHelpers({ command, run, program, io })
  registerLater(command)
  return program
}

function contextOf(program: Command, made: Command, io: Io): CommandContext {
  const given = { ...program.opts(), ...made.opts() } as { server?: string; inference?: string; output?: Format }
  return {
    io,
    format: given.output ?? 'text',
    control: createClient(given.server ?? io.env['CUTOVER_SERVER'] ?? defaultServer),
    inference: createClient(given.inference ?? io.env['CUTOVER_INFERENCE'] ?? defaultInference),
  }
}

type Make = (usage: string, about: string, examples: readonly string[]) => Command
type Run = <Options>(made: Command, action: Action<Options>, options: Options) => Promise<void>

function registerServer({
  command,
  actions,
  io,
  end,
}: {
  command: Make
  actions: CliActions
  io: Io
  end: { code: number }
}): void {
  const serve = command('serve', 'start a server', [
    'serve -c cutover.yaml',
    'serve --data /var/lib/cutover --inference-port 9080',
  ])
  serve
    .option('-c, --config <file>', 'resources to apply at start')
    .option('--data <folder>', 'where everything is kept (default ./cutover-data)')
    .option('--inference-host <host>', 'default 127.0.0.1')
    .option('--inference-port <port>', 'default 8080; 0 takes a free one')
    .option('--control-host <host>', 'default 127.0.0.1')
    .option('--control-port <port>', 'default 8081; 0 takes a free one')
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal, silent (default info)')
    .action(async (flags: ServeFlags) => {
      end.code = await actions.serve(flags, io)
    })
  const demo = command('demo', 'serve real models to simulated users; promote a good release, take a broken one back', [
    'demo',
    'demo --once -o json',
  ])
  demo
    .option('--once', 'end when both releases have ended', false)
    .option('--seed <number>', 'of the simulated users', '1')
    .action(async (flags: { once: boolean; seed: string; output?: Format }) => {
      if (!/^\d{1,9}$/.test(flags.seed))
        throw new CliFault('--seed is not a whole number', {
          exitCode: exit.usage,
          problems: [{ path: '--seed', message: 'not a whole number', value: flags.seed }],
        })
      const output = flags.output ?? (demo.optsWithGlobals() as { output?: Format }).output
      end.code = await actions.demo({ once: flags.once, json: output === 'json', seed: Number(flags.seed) }, io)
    })
}

function registerResources({ command, run }: { command: Make; run: Run }): void {
  const applied = command('apply', 'create or change what the documents of a file describe', [
    'apply -f cutover.yaml',
    'apply -f cutover.yaml --dry-run',
    'apply -f - < release.yaml',
  ])
  applied
    .requiredOption('-f, --file <file>', 'YAML or JSON, several documents; - for standard input')
    .option('--dry-run', 'say what would change, and change nothing', false)
    .action((flags: { file: string; dryRun: boolean }) => run(applied, apply, flags))
  const got = command('get <kind> [name]', 'list endpoints, versions, releases, metrics, predictions or events', [
    'get endpoints',
    'get predictions --endpoint digits --limit 5 -o json',
  ])
  got
    .option('--endpoint <name>', 'of this endpoint only')
    .option('--limit <count>', 'at most this many')
    .action((kind: string, name: string | undefined, flags: { endpoint?: string; limit?: string }) =>
      run(got, get, { kind, name, ...flags }),
    )
  const described = command('describe <kind> <name>', 'everything about one thing', [
    'describe endpoint digits',
    'describe release digits-1',
  ])
  described.action((kind: string, name: string) => run(described, describe, { kind, name }))
  const deleted = command('delete <kind> <name>', 'delete an endpoint', ['delete endpoint digits'])
  deleted.action((kind: string, name: string) => run(deleted, remove, { kind, name }))
}

function registerReleases({ command, run }: { command: Make; run: Run }): void {
  const released = command('release <endpoint>', 'start a release', [
    'release digits --to v2 --wait',
    'release digits -f release.yaml --wait --timeout 2h',
  ])
  released
    .option('--to <version>', 'the candidate')
    .option('--strategy <kind>', 'canary (default) with its defaults')
    .option('-f, --file <file>', 'a Release document; - for standard input')
    .option('--wait', 'tell every decision and end with the release', false)
    .option('--timeout <duration>', 'with --wait: give up waiting, exit code 4')
    .action(
      (endpoint: string, flags: { to?: string; strategy?: string; file?: string; wait: boolean; timeout?: string }) =>
        run(released, release, { endpoint, ...flags }),
    )
  const stated = command('status [release]', 'endpoints and releases, or one release', [
    'status',
    'status digits-1',
    'status --watch',
  ])
  stated
    .option('--watch', 'tell every decision until the release ends', false)
    .action((id: string | undefined, flags: { watch: boolean }) =>
      run(stated, status, { release: id, watch: flags.watch }),
    )
  const explained = command('explain <release>', 'every decision with its numbers', [
    'explain digits-1',
    'explain digits-1 -o json',
  ])
  explained.action((id: string) => run(explained, explain, { release: id }))
  for (const [verb, about] of verbs) {
    const made = command(`${verb} <release>`, about, [
      `${verb} digits-1`,
      `${verb} digits-1 --note "asked for by the fraud team"`,
    ])
    made
      .option('--note <text>', 'why; kept in the log')
      .action((id: string, flags: { note?: string }) => run(made, operate, { release: id, verb, note: flags.note }))
  }
}

const verbs = [
  ['promote', 'give the candidate all traffic now'],
  ['pause', 'stay at the present step; guardrails still roll back'],
  ['resume', 'go on after a pause or a hold'],
  ['approve', 'say yes where the release waits for approval'],
  ['abort', 'go back to the stable version'],
  ['rollback', 'go back to the stable version, also while on probation'],
] as const

function registerHelpers({ command, run, program, io }: { command: Make; run: Run; program: Command; io: Io }): void {
  const fed = command('feedback', 'say what became known of a prediction', [
    'feedback --prediction 1f-2 --label 7',
    'feedback --prediction 1f-2 --reward 0.5 --metric converted=true',
    'feedback -f outcomes.ndjson',
  ])
  const collect = (value: string, all: string[]): string[] => [...all, value]
  fed
    .option('--prediction <id>', 'x-cutover-prediction-id of the answer')
    .option('--row <number>', 'row of a batched request (default 0)')
    .option('--label <label>', 'the truth')
    .option('--reward <number>', 'a reward')
    .option('--metric <name=value>', 'a named value; may be repeated', collect, [])
    .option('--id <id>', 'makes the outcome idempotent')
    .option('-f, --file <file>', 'JSON or JSON lines of outcomes; - for standard input')
    .action((flags: { metric: string[] }) => run(fed, feedback, flags))
  const doctored = command('doctor', 'is everything here that a server needs, and is one well?', [
    'doctor',
    'doctor -o json',
  ])
  doctored
    .option('--data <folder>', 'the data folder to look at', './cutover-data')
    .action((flags: { data: string }) => run(doctored, doctor, flags))
  command('completion <shell>', `completion script for ${shells.join(', ')}`, [
    'completion bash > /etc/bash_completion.d/cutover',
  ]).action((shell: string) => io.out(completionScript(program, shell)))
}

/** Known by name, so that a person reads "not yet" and not "no such thing". */
function registerLater(command: Make): void {
  for (const [name, about] of [
    ['flags', 'feature flags'],
    ['advise', 'which strategy to use'],
    ['simulate', 'a release in virtual time'],
    ['backtest', 'a policy on past releases'],
  ] as const) {
    command(`${name} [words...]`, `${about} (not available yet)`, [name])
      .allowUnknownOption()
      .action(() => {
        throw new CliFault(`${name} is not available yet`, { exitCode: exit.failed, code: 'not-available-yet' })
      })
  }
}
