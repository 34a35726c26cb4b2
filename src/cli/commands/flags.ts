/** `cutover flags`: what there is, the switch, shares, who changed what, and why somebody gets a value. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { WireApplied, WireChange } from '../../contract/wire/change.ts'
import type { WireExplanation, WireFlag, WireFlagChange } from '../../contract/wire/flag.ts'
import { readText } from '../documents.ts'
import { exitCodes, usageError } from '../errors.ts'
import { explanationText, flagTable, flagText, historyText } from '../flags-text.ts'
import { examples, type Handler, type Invocation, pathTo, type Register } from '../invocation.ts'
import { printable } from '../text.ts'
import { changeText } from './apply.ts'

type Does = Parameters<Register>[1]

export const registerFlags: Register = (program, does) => {
  const flags = program
    .command('flags')
    .description('feature flags: list, switch, roll out, undo, explain, import')
    .addHelpText(
      'after',
      examples('cutover flags list', 'cutover flags rollout new-ranker 10%', 'cutover flags disable new-ranker'),
    )
  registerReading(flags, does)
  registerSwitches(flags, does)
  registerServing(flags, does)
  registerImport(flags, does)
}

function registerReading(flags: Command, does: Does): void {
  flags
    .command('list')
    .description('all flags')
    .addHelpText('after', examples('cutover flags list -o json'))
    .action(
      does(async run => {
        const list = await run.server.get<{ items: WireFlag[] }>(pathTo('flags'))
        run.answer(list, () => (list.items.length === 0 ? 'no flags\n' : flagTable(list.items)))
        return exitCodes.done
      }),
    )
  flags
    .command('get')
    .description('one flag with its rules and its changes')
    .argument('<name>')
    .addHelpText('after', examples('cutover flags get new-ranker'))
    .action(does((run, [name = '']) => describeFlag(run, name)))
  flags
    .command('history')
    .description('who changed what, the newest first; of a deleted flag too')
    .argument('<name>')
    .addHelpText('after', examples('cutover flags history new-ranker'))
    .action(
      does(async (run, [name = '']) => {
        const list = await changesOf(run, name)
        run.answer(list, () => historyText(list.items))
        return exitCodes.done
      }),
    )
  flags
    .command('evaluate')
    .description('the value of a flag for somebody, and which rule decided')
    .argument('<name>')
    .option('--unit <key>', 'the targeting key')
    .option('--attribute <name=value...>', 'of the context; a value that is JSON is taken as such')
    .option('--at <time>', 'as of this time, ISO 8601; now if it is left out')
    .addHelpText(
      'after',
      examples('cutover flags evaluate new-ranker --unit ann --attribute plan=pro --attribute age=31'),
    )
    .action(does(evaluate))
}

export async function describeFlag(run: Invocation, name: string): Promise<number> {
  const flag = await run.server.get<WireFlag>(pathTo('flags', name))
  const { items } = await changesOf(run, name)
  run.answer({ ...flag, changes: items }, () => flagText(flag, items, run.paint))
  return exitCodes.done
}

function changesOf(run: Invocation, name: string): Promise<{ items: WireFlagChange[] }> {
  return run.server.get(pathTo('flags', name, 'history'))
}

const evaluate: Handler = async (run, [name = ''], { unit, attribute, at }) => {
  const attributes = Array.isArray(attribute) ? attribute.map(pair => attributeOf(String(pair))) : []
  const context = { ...Object.fromEntries(attributes), ...(typeof unit === 'string' && { targetingKey: unit }) }
  const body = { context, ...(typeof at === 'string' && { at }) }
  const explained = await run.server.send<WireExplanation>('POST', pathTo('flags', name, 'evaluate'), body)
  run.answer(explained, () => explanationText(explained, run.paint))
  return exitCodes.done
}

function attributeOf(pair: string): [string, unknown] {
  const equals = pair.indexOf('=')
  if (equals > 0) return [pair.slice(0, equals), asJson(pair.slice(equals + 1))]
  throw usageError('--attribute takes NAME=VALUE', [
    { path: '--attribute', message: 'is not a name and a value', value: pair, allowed: ['plan=pro', 'age=31'] },
  ])
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function registerSwitches(flags: Command, does: Does): void {
  const verbs = [
    ['enable', 'switch a flag on'],
    ['disable', 'the kill switch: everybody gets its off variant'],
  ] as const
  for (const [verb, meaning] of verbs) {
    flags
      .command(verb)
      .description(meaning)
      .argument('<name>')
      .option('--note <text>', 'why; kept in the history')
      .option('--dry-run', 'show what would change, and change nothing')
      .addHelpText('after', examples(`cutover flags ${verb} new-ranker --note "as agreed"`))
      .action(
        does(async (run, [name = ''], { note, dryRun }) =>
          change(run, name, verb, { ...(typeof note === 'string' && { note }) }, dryRun === true),
        ),
      )
  }
  flags
    .command('undo')
    .description('take back the last change, or the deletion; again to have it once more')
    .argument('<name>')
    .option('--dry-run', 'show what would change, and change nothing')
    .addHelpText('after', examples('cutover flags undo new-ranker --dry-run'))
    .action(does(async (run, [name = ''], { dryRun }) => change(run, name, 'undo', undefined, dryRun === true)))
}

function registerServing(flags: Command, does: Does): void {
  const serving = (command: Command) =>
    command
      .option('--rule <name>', 'where this rule fits, not by default')
      .option('--note <text>', 'why; kept in the history')
      .option('--dry-run', 'show what would change, and change nothing')
  serving(flags.command('set').description('serve one variant to everybody').argument('<name>').argument('<variant>'))
    .addHelpText('after', examples('cutover flags set new-ranker on', 'cutover flags set theme dark --rule staff'))
    .action(
      does(async (run, [name = '', variant = ''], options) =>
        change(run, name, 'serve', { variant, ...wordsOf(options) }, options['dryRun'] === true),
      ),
    )
  serving(
    flags
      .command('rollout')
      .description('serve variants by percentage; raising one takes nobody back')
      .argument('<name>')
      .argument('<shares...>', '10% of a boolean flag, or VARIANT=10% for each, 100% in all'),
  )
    .option('--by <attribute>', 'the attribute that is hashed; the flag’s unit if it is left out')
    .addHelpText(
      'after',
      examples('cutover flags rollout new-ranker 10%', 'cutover flags rollout theme dark=30% light=70%'),
    )
    .action(
      does(async (run, [name = '', ...shares], options) => {
        const rollout = await rolloutOf(run, name, shares.flat())
        const { by } = options
        const body = { rollout, ...(typeof by === 'string' && { by }), ...wordsOf(options) }
        return change(run, name, 'serve', body, options['dryRun'] === true)
      }),
    )
}

function wordsOf({ rule, note }: Record<string, unknown>): { rule?: string; note?: string } {
  return { ...(typeof rule === 'string' && { rule }), ...(typeof note === 'string' && { note }) }
}

/** `10%` alone is the true variant's share of a boolean flag; the false one has the rest. */
async function rolloutOf(run: Invocation, name: string, shares: readonly string[]): Promise<Record<string, string>> {
  const [only] = shares
  if (shares.length === 1 && only !== undefined && /^[\d.]+%$/.test(only)) {
    const { variants } = await run.server.get<WireFlag>(pathTo('flags', name))
    const on = Object.keys(variants).find(variant => variants[variant] === true)
    const off = Object.keys(variants).find(variant => variants[variant] === false)
    if (on !== undefined && off !== undefined) return { [on]: only, [off]: `${rest(only)}%` }
    throw usageError(`${name} is no boolean flag: name the variants`, [
      {
        path: 'SHARES',
        message: 'has no variant',
        value: only,
        allowed: Object.keys(variants).map(one => `${one}=…%`),
      },
    ])
  }
  return Object.fromEntries(shares.map(shareOf))
}

/** In parts per million, so that 99.9% and its rest are 100% in all. */
function rest(share: string): number {
  return (1_000_000 - Math.round(Number.parseFloat(share) * 10_000)) / 10_000
}

function shareOf(text: string): [string, string] {
  const equals = text.lastIndexOf('=')
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)]
  throw usageError('a share takes VARIANT=PERCENTAGE', [
    { path: 'SHARES', message: 'is not a variant and its share', value: text, allowed: ['on=10%', 'dark=30%'] },
  ])
}

function registerImport(flags: Command, does: Does): void {
  flags
    .command('import')
    .description('apply the flags of a flagd file, all or none')
    .argument('<file>', 'JSON or YAML; - reads standard input')
    .option('--dry-run', 'show what would change, and change nothing')
    .addHelpText('after', examples('cutover flags import flags.flagd.json --dry-run'))
    .action(
      does(async (run, [file = ''], { dryRun }) => {
        const text = file === '-' ? await run.io.stdin.read() : await readText(resolve(run.io.cwd, file), file)
        const [document, ...more] = await run.actions.parseDocuments(text, { source: file })
        if (document === undefined || more.length > 0) throw usageError(`${file} is not one document`)
        const path = `${pathTo('flags', 'import')}${dryRun === true ? '?dryRun=true' : ''}`
        const applied = await run.server.send<WireApplied>('POST', path, document.value)
        run.answer(applied, () =>
          applied.changes.map(one => changeText(one, { dryRun: dryRun === true, paint: run.paint })).join(''),
        )
        return exitCodes.done
      }),
    )
}

async function change(
  run: Invocation,
  name: string,
  verb: 'enable' | 'disable' | 'undo' | 'serve',
  body: object | undefined,
  dryRun: boolean,
): Promise<number> {
  const path = `${pathTo('flags', name, verb)}${dryRun ? '?dryRun=true' : ''}`
  const done = await run.server.send<WireChange>('POST', path, body)
  run.answer(done, () => changeText(done, { dryRun, paint: run.paint }))
  if (verb === 'serve') await warnOfSwitch(run, name)
  return exitCodes.done
}

/** What is served is of no effect while the flag is switched off: the change alone would look like one. */
async function warnOfSwitch(run: Invocation, name: string): Promise<void> {
  const { enabled, off } = await run.server.get<WireFlag>(pathTo('flags', name))
  if (enabled) return
  const served = off === null ? 'the value in their code' : off
  run.say(`${printable(`${name} is disabled: everybody gets ${served} until: cutover flags enable ${name}`)}\n`)
}
