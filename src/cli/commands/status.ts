/** `cutover status`: where everything, or one release, stands. */
import type { WireEndpoint } from '../../contract/wire/endpoint.ts'
import type { WireRelease, WireReleaseSummary } from '../../contract/wire/release.ts'
import { lackOf } from '../../contract/words/readiness.ts'
import { CliError, exitCodes, usageError } from '../errors.ts'
import { atTheEnd } from '../follow.ts'
import { examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { endpointTable, releaseTable } from '../kinds.ts'
import { headText, releaseText } from '../release-text.ts'
import { openReport } from '../report-file.ts'
import { printable } from '../text.ts'
import { waitFor } from './release.ts'

export const registerStatus: Register = (program, does) => {
  program
    .command('status')
    .description('where endpoints and their releases stand, or one release in full')
    .argument('[release]')
    .option('--watch', 'follow the release until it ends (exit code 3 if it is rolled back)')
    .option('--junit <file>', 'when the watch is over write what was shown, and what was not, as JUnit XML')
    .addHelpText(
      'after',
      examples('cutover status', 'cutover status digits-1', 'cutover status digits-1 --watch -o json'),
    )
    .action(
      does(async (run, [id], options) => {
        const { watch, junit } = options as { watch?: boolean; junit?: string }
        if (junit !== undefined && watch !== true) throw usageError('--junit needs --watch')
        if (watch === true) return watchRelease(run, id ?? (await onlyActive(run)), junit)
        if (id === undefined) return overview(run)
        const release = await run.server.get<WireRelease>(pathTo('releases', id))
        run.answer(release, () => releaseText(release, run.paint))
        return exitCodes.done
      }),
    )
}

/** Releases that the overview lists, the newest first. */
const recentMax = 10

async function overview(run: Invocation): Promise<number> {
  const [endpoints, releases] = await Promise.all([
    run.server.get<{ items: WireEndpoint[] }>(pathTo('endpoints')),
    run.server.get<{ items: WireReleaseSummary[] }>(pathTo('releases')),
  ])
  run.answer({ endpoints: endpoints.items, releases: releases.items }, () =>
    overviewText(endpoints.items, releases.items.slice(0, recentMax), run),
  )
  return exitCodes.done
}

function isActive({ state }: WireReleaseSummary): boolean {
  return state !== 'promoted' && state !== 'rolled-back'
}

function overviewText(
  endpoints: readonly WireEndpoint[],
  recent: readonly WireReleaseSummary[],
  run: Invocation,
): string {
  if (endpoints.length === 0) return 'no endpoints yet; cutover apply -f FILE makes them\n'
  const releases = recent.length === 0 ? 'no releases yet\n' : releaseTable(recent)
  return `${endpointTable(endpoints)}${endpoints.map(endpoint => `${lackText(endpoint, run)}${alarmText(endpoint, run)}`).join('')}\n${releases}`
}

/** Traffic is given by weight whether or not anybody is there to take it: the table alone would say that all is well. */
function lackText(endpoint: WireEndpoint, { paint }: Invocation): string {
  const lack = lackOf(endpoint)
  if (lack === null) return ''
  const name = paint(lack.isDown ? 'red' : 'yellow', printable(endpoint.name))
  return `${name}: ${printable(lack.text)}; look at it: ${printable(lack.command)}\n`
}

/** What is watched of a stable version is no part of any release: whoever looks here first would not hear of it. */
function alarmText({ name, stable, monitored: { status, alarms } }: WireEndpoint, { paint }: Invocation): string {
  // What took traffic back, or would, tells more than drift.
  const first = alarms.find(({ kind }) => kind === 'limit') ?? alarms[0]
  if (first === undefined) return ''
  const more = alarms.length === 1 ? '' : `, and ${alarms.length - 1} more`
  const said = `${stable} is ${status}: ${first.reason}${more}; look at it: cutover describe endpoint ${name}`
  return `${paint(status === 'breached' ? 'red' : 'yellow', printable(name))}: ${printable(said)}\n`
}

async function onlyActive(run: Invocation): Promise<string> {
  const { items } = await run.server.get<{ items: WireReleaseSummary[] }>(pathTo('releases'))
  const active = items.filter(isActive)
  const [only, second] = active
  if (only === undefined) throw new CliError('no release is under way; name one: cutover status RELEASE --watch')
  if (second === undefined) return only.id
  throw usageError('several releases are under way; name one', [
    { path: 'RELEASE', message: 'is missing', allowed: active.map(({ id }) => id) },
  ])
}

async function watchRelease(run: Invocation, id: string, junit: string | undefined): Promise<number> {
  const report =
    junit === undefined ? null : await openReport(run, { file: junit, flag: '--junit', after: 'the release has ended' })
  const release = await run.server.get<WireRelease>(pathTo('releases', id))
  run.say(`${headText(release, run.paint)}\n`)
  return waitFor(run, release, { endOf: atTheEnd, timeoutMs: null, report })
}
