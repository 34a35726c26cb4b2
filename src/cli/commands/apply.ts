/** `cutover apply`: documents of files to the server, all or none. */
import type { WireApplied, WireChange } from '../../contract/wire/change.ts'
import { readDocuments, withPlaces } from '../documents.ts'
import { exitCodes, usageError } from '../errors.ts'
import { forecastText } from '../forecast-text.ts'
import { type CliDocument, examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { type Paint, printable } from '../text.ts'

export const registerApply: Register = (program, does) => {
  program
    .command('apply')
    .description('create or change endpoints and start releases, as documents of a file say')
    .requiredOption(
      '-f, --file <file>',
      'YAML or JSON, several documents; may be repeated; - reads standard input',
      also,
    )
    .option('--dry-run', 'show what would change, and change nothing')
    .addHelpText(
      'after',
      examples(
        'cutover apply -f cutover.yaml --dry-run',
        'cutover apply -f cutover.yaml',
        'cutover apply -f endpoint.yaml -f release.yaml',
        'cat release.yaml | cutover apply -f -',
      ),
    )
    .action(
      does(async (run, _, options) => {
        const { file: files, dryRun } = options as { file: string[]; dryRun?: boolean }
        const read = await Promise.all(files.map(file => readDocuments(run, file)))
        const documents = withoutServer(run, read.flat())
        const query = dryRun === true ? '?dryRun=true' : ''
        const body = { documents: documents.map(({ value }) => value) }
        const applied = await withPlaces({ list: documents }, () =>
          run.server.send<WireApplied>('POST', `${pathTo('apply')}${query}`, body),
        )
        run.answer(applied, () => appliedText(applied, run.paint))
        return exitCodes.done
      }),
    )
}

function also(file: string, before: readonly string[] = []): string[] {
  return [...before, file]
}

/** A file for `serve` has the server's own settings too; these take effect at its start alone. */
function withoutServer(run: Invocation, documents: readonly CliDocument[]): CliDocument[] {
  const isServer = ({ value }: CliDocument) => (value as { kind?: unknown } | null)?.kind === 'Server'
  if (documents.every(isServer))
    throw usageError('there is nothing to apply: `kind: Server` is read by `cutover serve`')
  if (documents.some(isServer))
    run.io.stderr.write('the Server document is left out: `cutover serve` reads it at its start\n')
  return documents.filter(one => !isServer(one))
}

function appliedText({ changes, dryRun }: WireApplied, paint: Paint): string {
  const end = dryRun ? 'dry run: nothing has changed\n' : ''
  return changes.map(change => changeText(change, { dryRun, paint })).join('') + end
}

export function changeText(change: WireChange, { dryRun, paint }: { dryRun: boolean; paint: Paint }): string {
  const verb = change.action === 'unchanged' || !dryRun ? change.action : `would be ${change.action}`
  const note = change.note === null ? '' : ` (${change.note})`
  // Everything about a new resource is in the file already; a dry run shows what defaults add.
  const isShown = change.action === 'updated' || dryRun
  const lines = isShown ? change.differences.map(difference => differenceText(difference, paint)) : []
  if (dryRun && change.forecast !== null) lines.push(forecastText(change.forecast, paint))
  return `${printable(`${change.resource} ${verb}${note}`)}\n${lines.join('')}`
}

function differenceText(difference: WireChange['differences'][number], paint: Paint): string {
  const { path, before, after } = difference
  const show = (value: unknown) => JSON.stringify(value)
  if (before === undefined) return `  ${paint('green', printable(`+ ${path}: ${show(after)}`))}\n`
  if (after === undefined) return `  ${paint('red', printable(`- ${path}: ${show(before)}`))}\n`
  return `  ${paint('yellow', printable(`~ ${path}: ${show(before)} -> ${show(after)}`))}\n`
}
