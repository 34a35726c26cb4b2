/** `cutover serve` and `cutover demo`: handed on to the composition root. */
import { Option } from 'commander'
import { exitCodes, usageError } from '../errors.ts'
import {
  type DemoOptions,
  examples,
  type Moved,
  type MoveFlags,
  type Register,
  type ServeFlags,
} from '../invocation.ts'

export const registerServe: Register = (program, does) => {
  program
    .command('serve')
    .description('run the server: gateway, controller and store in one process')
    .option('-c, --config <file>', 'settings of the server and resources to apply at start (CUTOVER_CONFIG)')
    .option('--data <dir>', 'folder of the log and the predictions (CUTOVER_DATA; default ./cutover-data)')
    .option(
      '--database <url>',
      'database of PostgreSQL instead of files, such as postgres://cutover@db/cutover (CUTOVER_DATABASE; default: files)',
    )
    .option(
      '--advertise <host>',
      'name by which servers that share the database reach this one (CUTOVER_ADVERTISE; default: its address)',
    )
    .option(
      '--peer-port <port>',
      'where gateways of those servers reach this one (CUTOVER_PEER_PORT; default: any free one)',
    )
    .option(
      '--inference-host <host>',
      'address to listen on; beyond loopback only with authentication (CUTOVER_INFERENCE_HOST; default 127.0.0.1)',
    )
    .option('--inference-port <port>', '0 takes a free one (CUTOVER_INFERENCE_PORT; default 8080)')
    .option(
      '--control-host <host>',
      'address to listen on; beyond loopback only with authentication (CUTOVER_CONTROL_HOST; default 127.0.0.1)',
    )
    .option('--control-port <port>', '0 takes a free one (CUTOVER_CONTROL_PORT; default 8081)')
    .option(
      '--grpc-host <host>',
      'address to listen on; beyond loopback as for inference (CUTOVER_GRPC_HOST; default 127.0.0.1)',
    )
    .option('--grpc-port <port>', 'serve gRPC too; 0 takes a free port (CUTOVER_GRPC_PORT; off by default)')
    .option(
      '--keep-predictions <time>',
      'how long predictions are kept, such as 30d (CUTOVER_KEEP_PREDICTIONS; default: for ever)',
    )
    .option(
      '--workers <count>',
      'gateways in threads of their own, on one port (CUTOVER_WORKERS; default 0: none, 1 with a database)',
    )
    .addOption(
      new Option(
        '--inference-auth <mode>',
        'whether requests need an API key (CUTOVER_INFERENCE_AUTH; default none)',
      ).choices(['required', 'none']),
    )
    .addOption(
      new Option(
        '--control-auth <mode>',
        'whether requests need an API key (CUTOVER_CONTROL_AUTH; default none)',
      ).choices(['required', 'none']),
    )
    .addOption(
      new Option('--log-level <level>', 'CUTOVER_LOG_LEVEL; default info').choices([
        ...['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      ]),
    )
    .addHelpText(
      'after',
      examples(
        'cutover serve -c cutover.yaml',
        'cutover serve --data /var/lib/cutover --control-port 9081',
        'cutover serve --inference-port 0 --control-port 0 -o json',
      ),
    )
    .action(does(({ actions, io, output }, _, flags) => actions.serve(flags as ServeFlags, io, output)))

  program
    .command('move')
    .description('copy what a stopped server keeps in its data folder into a database of PostgreSQL')
    .option('--data <dir>', 'the folder, which stays as it is (CUTOVER_DATA; default ./cutover-data)')
    .option('--database <url>', 'a new one, such as postgres://cutover@db/cutover (CUTOVER_DATABASE)')
    .addHelpText('after', examples('cutover move --database postgres://cutover@db.internal/cutover'))
    .action(
      does(async ({ actions, io, answer }, _, flags) => {
        const moved = await actions.move(flags as MoveFlags, io)
        answer(moved, () => movedText(moved))
        return exitCodes.done
      }),
    )

  program
    .command('demo')
    .description('watch releases of a small model with real traffic: one promoted, one rolled back')
    .option('--once', 'end after one run')
    .option('--seed <number>', 'seed of the traffic', wholeNumber)
    .addHelpText('after', examples('cutover demo', 'cutover demo --once -o json'))
    .action(
      does(({ actions, io, output }, _, options) => {
        const { once, seed } = options as { once?: boolean; seed?: number }
        const demo: DemoOptions = { once: once === true, seed: seed ?? null, output }
        return actions.demo(demo, io)
      }),
    )
}

function movedText({ from, to, events, predictions, outcomes }: Moved): string {
  const what = `${events} events, ${predictions} predictions and ${outcomes} outcomes`
  return `${what} of ${from} are in ${to} now; the folder is left as it was. Go on with: cutover serve --database URL\n`
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usageError('--seed is not a number', [
    { path: '--seed', message: 'is not a whole number', value: text, allowed: ['0 to 999999999'] },
  ])
}
