/** `cutover segments`: who is in them, who changed them, and the way back. */
import type { Command } from 'commander'
import type { WireChange } from '../../contract/wire/change.ts'
import type { WireSegment, WireSegmentChange } from '../../contract/wire/flag.ts'
import { exitCodes } from '../errors.ts'
import { historyText, segmentTable, segmentText } from '../flags-text.ts'
import { examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { changeText } from './apply.ts'

type Does = Parameters<Register>[1]

export const registerSegments: Register = (program, does) => {
  const segments = program
    .command('segments')
    .description('segments of flags: list, show, history, undo')
    .addHelpText('after', examples('cutover segments list', 'cutover segments history beta-users'))
  registerReading(segments, does)
  segments
    .command('undo')
    .description('take back the last change, or the deletion; again to have it once more')
    .argument('<name>')
    .option('--dry-run', 'show what would change, and change nothing')
    .addHelpText('after', examples('cutover segments undo beta-users --dry-run'))
    .action(
      does(async (run, [name = ''], options) => {
        const dryRun = options['dryRun'] === true
        const path = `${pathTo('segments', name, 'undo')}${dryRun ? '?dryRun=true' : ''}`
        const done = await run.server.send<WireChange>('POST', path)
        run.answer(done, () => changeText(done, { dryRun, paint: run.paint }))
        return exitCodes.done
      }),
    )
}

function registerReading(segments: Command, does: Does): void {
  segments
    .command('list')
    .description('all segments')
    .addHelpText('after', examples('cutover segments list -o json'))
    .action(
      does(async run => {
        const list = await run.server.get<{ items: WireSegment[] }>(pathTo('segments'))
        run.answer(list, () => (list.items.length === 0 ? 'no segments\n' : segmentTable(list.items)))
        return exitCodes.done
      }),
    )
  segments
    .command('get')
    .description('one segment with its changes')
    .argument('<name>')
    .addHelpText('after', examples('cutover segments get beta-users'))
    .action(does((run, [name = '']) => describeSegment(run, name)))
  segments
    .command('history')
    .description('who changed what, the newest first; of a deleted segment too')
    .argument('<name>')
    .addHelpText('after', examples('cutover segments history beta-users'))
    .action(
      does(async (run, [name = '']) => {
        const list = await changesOf(run, name)
        run.answer(list, () => historyText(list.items))
        return exitCodes.done
      }),
    )
}

export async function describeSegment(run: Invocation, name: string): Promise<number> {
  const segment = await run.server.get<WireSegment>(pathTo('segments', name))
  const { items } = await changesOf(run, name)
  run.answer({ ...segment, changes: items }, () => segmentText(segment, items))
  return exitCodes.done
}

function changesOf(run: Invocation, name: string): Promise<{ items: WireSegmentChange[] }> {
  return run.server.get(pathTo('segments', name, 'history'))
}
