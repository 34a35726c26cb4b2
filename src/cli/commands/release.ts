/** `cutover release`: start one, and wait for its end if asked. */
import { InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../../contract/units.ts'
import { type WireRelease, wireStageKinds } from '../../contract/wire.ts'
import { readDocuments, withPlaces } from '../documents.ts'
import { exitCodes, usageError } from '../errors.ts'
import { followRelease, type Outcome } from '../follow.ts'
import { type CliDocument, examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { percent } from '../text.ts'
import { formatTimelineEntry } from '../timeline.ts'

type ReleaseOptions = { to?: string; strategy?: string; file?: string; wait?: boolean; timeout?: number }

export const registerRelease: Register = (program, does) => {
  program
    .command('release')
    .description('move an endpoint to another version, with evidence')
    .argument('<endpoint>')
    .option('--to <version>', 'the candidate; needed unless the file names it')
    .addOption(new Option('--strategy <kind>', 'with its defaults; canary by default').choices(wireStageKinds))
    .addOption(new Option('-f, --file <file>', 'a Release document; - reads standard input').conflicts('strategy'))
    .option('--wait', 'follow it until it ends (exit code 3 if it is rolled back) or holds (4)')
    .option('--timeout <duration>', 'wait at most this long (4); such as 90s, 30m', durationMs)
    .addHelpText(
      'after',
      examples('cutover release digits --to v2', 'cutover release digits --to v2 -f canary.yaml --wait --timeout 30m'),
    )
    .action(does((run, [endpoint = ''], options) => release(run, endpoint, options as ReleaseOptions)))
}

export function durationMs(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === null || ms === 0) throw new InvalidArgumentError('It is not a duration such as 90s, 30m, 2h.')
  return ms
}

async function release(run: Invocation, endpoint: string, options: ReleaseOptions): Promise<number> {
  const { to, strategy, file, wait, timeout } = options
  if (to === undefined && file === undefined)
    throw usageError('a version is needed: --to VERSION, or a file that names it')
  if (timeout !== undefined && wait !== true) throw usageError('--timeout needs --wait')
  const documents = file === undefined ? [] : await readDocuments(run, file)
  const body =
    file === undefined
      ? { endpoint, to, ...(strategy && { strategy }) }
      : merged(documents, { endpoint, ...(to !== undefined && { to }) })
  const started = await withPlaces({ only: documents[0] }, () =>
    run.server.send<WireRelease>('POST', pathTo('releases'), body),
  )
  if (wait !== true) {
    run.answer(started, () => startedText(started))
    return exitCodes.done
  }
  run.say(`Release ${started.id}: ${started.endpoint} from ${started.from} to ${started.to}\n`)
  return waitFor(run, started, { stopAtHold: true, timeoutMs: timeout ?? null })
}

/** The words of the command name the endpoint and the version; a document that names others is a mistake. */
function merged(documents: readonly CliDocument[], named: Readonly<Record<string, string>>): unknown {
  const [document, second] = documents
  const value = document?.value
  if (document === undefined || second !== undefined || typeof value !== 'object' || value === null) {
    throw usageError('the file must hold one Release document', [
      { path: '--file', message: `holds ${documents.length} documents` },
    ])
  }
  const written = value as Record<string, unknown>
  const problems = Object.entries(named).flatMap(([key, word]) =>
    written[key] === undefined || written[key] === word
      ? []
      : [
          {
            path: `${document.source}:${document.lineOf(key)} ${key}`,
            message: 'is not what the command says',
            value: written[key],
            allowed: [word],
          },
        ],
  )
  if (problems.length > 0) throw usageError('the file and the command name different things', problems)
  return { kind: 'Release', ...written, ...named }
}

function startedText(started: WireRelease): string {
  const { id, endpoint, from, to, plan } = started
  const stages = plan.stages.map(
    ({ kind, steps }) => `${kind} ${steps?.map(step => percent(step.weightPpm)).join(', ') ?? ''}`,
  )
  return (
    `Release ${id} started: ${endpoint} from ${from} to ${to} by ${stages.join('; ').trim()}\n` +
    `follow it: cutover status ${id} --watch\n`
  )
}

const exitCodeOf: Readonly<Record<Outcome, number>> = {
  promoted: exitCodes.done,
  'rolled-back': exitCodes.rolledBack,
  holding: exitCodes.holds,
  'timed-out': exitCodes.holds,
}

/** Prints the story as it comes; the exit code says how it ended. */
export async function waitFor(
  run: Invocation,
  { id, startedAt }: { id: string; startedAt: string },
  options: { stopAtHold: boolean; timeoutMs: number | null },
): Promise<number> {
  const { output, paint, io } = run
  const outcome = await followRelease({
    client: run.server,
    release: id,
    onEntry: entry => io.stdout.write(formatTimelineEntry(entry, { startedAt, output, paint })),
    ...options,
  })
  if (outcome === 'holding')
    run.say(`Release ${id} holds; cutover status ${id} says why, approve, promote or abort end it\n`)
  if (outcome === 'timed-out') run.say(`Release ${id} goes on; follow it: cutover status ${id} --watch\n`)
  return exitCodeOf[outcome]
}
