/** `cutover release`: start one, and wait for its end if asked. */
import { InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../../contract/units.ts'
import type { WireChange } from '../../contract/wire/change.ts'
import { wireStageKinds } from '../../contract/wire/plan.ts'
import type { WireExplanation, WireRelease } from '../../contract/wire/release.ts'
import { stageWords } from '../../contract/words/stages.ts'
import { oneFile, readDocuments, withPlaces } from '../documents.ts'
import { exitCodes, usageError } from '../errors.ts'
import { atTheTurn, type EndOf, followRelease, type Outcome } from '../follow.ts'
import { type CliDocument, examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { junitReport } from '../junit.ts'
import { openReport, type Report } from '../report-file.ts'
import { formatTimelineEntry } from '../timeline.ts'
import { changeText } from './apply.ts'

type ReleaseOptions = {
  to?: string
  strategy?: string
  file?: string
  wait?: boolean
  timeout?: number
  junit?: string
  dryRun?: boolean
}

export const registerRelease: Register = (program, does) => {
  program
    .command('release')
    .description('move an endpoint to another version, with evidence')
    .argument('<endpoint>')
    .option('--to <version>', 'the candidate; needed unless the file names it')
    .addOption(new Option('--strategy <kind>', 'with its defaults; canary by default').choices(wireStageKinds))
    .addOption(
      new Option('-f, --file <file>', 'its Release document; - reads standard input')
        .argParser(oneFile)
        .conflicts('strategy'),
    )
    .addOption(new Option('--dry-run', 'show what would start and what it will take').conflicts('wait'))
    .option('--wait', 'follow it until it is promoted, rolled back (exit code 3) or needs a person (4)')
    .option('--timeout <duration>', 'wait at most this long (4); such as 90s, 30m', durationMs)
    .option('--junit <file>', 'when the wait is over write what was shown, and what was not, as JUnit XML')
    .addHelpText(
      'after',
      examples(
        'cutover release digits --to v2',
        'cutover release digits -f release.yaml --wait --timeout 30m',
        'cutover release digits -f release.yaml --wait --junit report.xml',
      ),
    )
    .action(does((run, [endpoint = ''], options) => release(run, endpoint, options as ReleaseOptions)))
}

export function durationMs(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === null || ms === 0) throw new InvalidArgumentError('It is not a duration such as 90s, 30m, 2h.')
  return ms
}

async function release(run: Invocation, endpoint: string, options: ReleaseOptions): Promise<number> {
  const { to, strategy, file, wait, timeout, junit } = options
  if (timeout !== undefined && wait !== true) throw usageError('--timeout needs --wait')
  if (junit !== undefined && wait !== true) throw usageError('--junit needs --wait')
  const report =
    junit === undefined ? null : await openReport(run, { file: junit, flag: '--junit', after: 'the release has ended' })
  const document = file === undefined ? undefined : await documentOf(run, { file, endpoint, to })
  if (document === undefined && to === undefined)
    throw usageError('a version is needed: --to VERSION, or a file that names it')
  const body = document === undefined ? { endpoint, to, ...(strategy && { strategy }) } : document.value
  if (options.dryRun === true) return tryOut(run, document, body)
  const started = await withPlaces({ only: document }, () =>
    run.server.send<WireRelease>('POST', pathTo('releases'), body),
  )
  if (wait !== true) {
    run.answer(started, () => startedText(started))
    return exitCodes.done
  }
  run.say(`Release ${started.id}: ${started.endpoint} from ${started.from} to ${started.to}\n`)
  return waitFor(run, started, { endOf: atTheTurn, timeoutMs: timeout ?? null, report })
}

async function tryOut(run: Invocation, document: CliDocument | undefined, body: unknown): Promise<number> {
  const change = await withPlaces({ only: document }, () =>
    run.server.send<WireChange>('POST', `${pathTo('releases')}?dryRun=true`, body),
  )
  run.answer(change, () => `${changeText(change, { dryRun: true, paint: run.paint })}dry run: nothing has changed\n`)
  return exitCodes.done
}

type Named = { file: string; endpoint: string; to: string | undefined }

/** The one release of the endpoint in the file. A document may leave out what the command says, but not differ. */
async function documentOf(run: Invocation, { file, endpoint, to }: Named): Promise<CliDocument> {
  const documents = (await readDocuments(run, file)).filter(({ value }) => isReleaseOf(value, endpoint))
  const [document, second] = documents
  if (document === undefined || second !== undefined) {
    throw usageError(`${file} holds ${documents.length} releases of ${endpoint}`, [
      { path: '--file', message: 'must hold one Release of the endpoint', value: file },
    ])
  }
  const written = document.value as Record<string, unknown>
  if (to !== undefined && written['to'] !== undefined && written['to'] !== to) {
    const path = `${file}:${document.lineOf('to')} to`
    throw usageError('the file and the command name different versions', [
      { path, message: 'is not what --to says', value: written['to'], allowed: [to] },
    ])
  }
  return { ...document, value: { kind: 'Release', ...written, endpoint, ...(to !== undefined && { to }) } }
}

function isReleaseOf(value: unknown, endpoint: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { kind = 'Release', endpoint: named = endpoint } = value as Record<string, unknown>
  return kind === 'Release' && named === endpoint
}

function startedText(started: WireRelease): string {
  const { id, endpoint, from, to, plan } = started
  if (started.waitsFor !== null)
    return `Release ${id} waits for the end of ${started.waitsFor}; follow it: cutover status ${id} --watch\n`
  const stages = plan.stages.map(stageWords)
  return (
    `Release ${id} started: ${endpoint} from ${from} to ${to} by ${stages.join('; ')}\n` +
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
  { report, ...options }: { endOf: EndOf; timeoutMs: number | null; report: Report | null },
): Promise<number> {
  const { output, paint, io } = run
  const outcome = await followRelease({
    client: run.server,
    release: id,
    onEntry: entry => io.stdout.write(formatTimelineEntry(entry, { startedAt, output, paint })),
    ...options,
  })
  if (outcome === 'holding')
    run.say(`Release ${id} needs a person: cutover status ${id} says why; approve, resume, promote or abort it\n`)
  if (report !== null) {
    const explained = await run.server.get<WireExplanation>(pathTo('releases', id, 'explain'))
    await report.write(junitReport(explained, outcome))
  }
  if (outcome === 'timed-out') run.say(`Release ${id} goes on; follow it: cutover status ${id} --watch\n`)
  return exitCodeOf[outcome]
}
