/** `cutover simulate`: a release in virtual time, many times over; on this machine, or against a server's recorded log. */
import { wireStageKinds } from '../../contract/wire/plan.ts'
import type { WireSimulation } from '../../contract/wire/simulation.ts'
import { oneFile, readDocuments } from '../documents.ts'
import { exitCodes, usageError } from '../errors.ts'
import {
  type CliDocument,
  examples,
  type Invocation,
  pathTo,
  type Register,
  type SimulateRequest,
} from '../invocation.ts'
import { openReport } from '../report-file.ts'
import { simulationPage } from '../simulation-page.ts'
import { simulationText } from '../simulation-text.ts'

type Options = {
  file: string
  scenario: string[]
  seeds: number
  seed: number
  compare: SimulateRequest['compare']
  candidate: Record<string, unknown>
  html?: string
}

const seedsMax = 100_000
const seedMax = 2_147_483_647
/** A server simulates on threads beside the gateway: it takes its time. */
const serverTimeoutMs = 15 * 60_000

export const registerSimulate: Register = (program, does) => {
  program
    .command('simulate')
    .description('run a release in virtual time, many times over: what it will come to, when, and for whom')
    .requiredOption(
      '-f, --file <file>',
      'its Release document, and Endpoint and Scenario documents; - reads standard input',
      oneFile,
    )
    .option('--scenario <file>', 'a file with Scenario documents; may be repeated', collected, [])
    .option('--seeds <number>', 'runs of each', whole('--seeds', 1, seedsMax), 200)
    .option('--seed <number>', 'the first seed; the same one gives the same answer', whole('--seed', 0, seedMax), 1)
    .option('--compare <kinds>', 'strategies beside each other, such as canary,abTest,bandit', kinds, [])
    .option('--html <file>', 'write the answer as a page with charts, too')
    .option(
      '--candidate <effects>',
      'against the log: what the candidate is like, such as error-rate=2%,accuracy=91%',
      effects,
      {},
    )
    .addHelpText(
      'after',
      examples(
        'cutover simulate -f release.yaml --scenario broken.yaml',
        'cutover simulate -f release.yaml --scenario weekday.yaml --compare canary,abTest,bandit --seeds 1000',
        'cutover simulate -f release.yaml --candidate error-rate=2%',
      ),
    )
    .action(does(async (run, _, options) => simulate(run, options as unknown as Options)))
}

async function simulate(run: Invocation, options: Options): Promise<number> {
  const { html } = options
  const page = html === undefined ? null : await openReport(run, { file: html, flag: '--html', after: 'it has run' })
  const files = await Promise.all([options.file, ...options.scenario].map(file => readDocuments(run, file)))
  const documents = files.flat()
  const release = only(documents, 'Release', options.file)
  if (release === undefined) throw usageError(`${options.file} holds no Release`)
  const scenarios = documents.filter(one => kindOf(one) === 'Scenario').map(({ value }) => value)
  if (scenarios.length > 0 && Object.keys(options.candidate).length > 0)
    throw usageError(
      '--candidate is of a simulation against the log: here the scenarios say what the candidate is like',
    )
  const answer =
    scenarios.length === 0
      ? await againstLog(run, release, options)
      : await onThisMachine(run, { documents, release, scenarios }, options)
  run.answer(answer, () => simulationText(answer, run.paint))
  await page?.write(simulationPage(answer))
  return answer.results.every(({ refused }) => refused === null) ? exitCodes.done : exitCodes.failed
}

type Documents = { documents: readonly CliDocument[]; release: CliDocument; scenarios: readonly unknown[] }

async function onThisMachine(
  run: Invocation,
  { documents, release, scenarios }: Documents,
  { compare, seeds, seed, file }: Options,
): Promise<WireSimulation> {
  const endpoint = only(documents, 'Endpoint', file)
  if (endpoint === undefined)
    throw usageError('the Endpoint document is needed too: its metrics say what is measured', [
      { path: '--file', message: 'holds no Endpoint; add it to this file or to that of a scenario', value: file },
    ])
  return run.actions.simulate({
    endpoint: endpoint.value,
    release: release.value,
    scenarios,
    compare,
    seeds: { first: seed, count: seeds },
    told: progress(run, seeds),
  })
}

/** The server measures the world from what it has recorded. */
async function againstLog(run: Invocation, release: CliDocument, options: Options): Promise<WireSimulation> {
  const { compare, seeds, seed, candidate } = options
  const { endpoint } = release.value as { endpoint?: unknown }
  const body = { endpoint, release: release.value, candidate, compare, seeds, seed }
  return run.server.send<WireSimulation>('POST', pathTo('simulate'), body, serverTimeoutMs)
}

/** Only where a person looks, on a line of its own that goes again. */
function progress({ io, output }: Invocation, seeds: number): SimulateRequest['told'] {
  if (output === 'json' || io.stderr.isTTY !== true) return () => {}
  return ({ strategy, scenario, done }) => {
    const line = `${scenario}, by ${strategy}: ${done} of ${seeds}`
    io.stderr.write(done === seeds ? `\r${' '.repeat(line.length + 4)}\r` : `\r${line}`)
  }
}

function only(documents: readonly CliDocument[], kind: string, file: string): CliDocument | undefined {
  const [first, second] = documents.filter(one => kindOf(one) === kind)
  if (second === undefined) return first
  throw usageError(`${file} holds more than one ${kind}`, [
    { path: '--file', message: `must hold one ${kind}`, value: file },
  ])
}

function kindOf({ value }: CliDocument): unknown {
  return typeof value === 'object' && value !== null ? (value as { kind?: unknown }).kind : undefined
}

function collected(file: string, files: string[]): string[] {
  return [...files, file]
}

function whole(flag: string, least: number, most: number): (text: string) => number {
  return text => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw usageError(`${flag} is not a number that is possible here`, [
      { path: flag, message: 'is not a whole number in this range', value: text, allowed: [`${least} to ${most}`] },
    ])
  }
}

function kinds(text: string): SimulateRequest['compare'] {
  return text.split(',').map(word => {
    const kind = wireStageKinds.find(one => one === word.trim())
    if (kind !== undefined) return kind
    throw usageError('--compare names no strategy', [
      { path: '--compare', message: 'is no strategy', value: word, allowed: [...wireStageKinds] },
    ])
  })
}

/** `error-rate=2%`, or `metrics.conversion=9%` for a rate and `metrics.revenue=3.1` for a mean. */
export function effects(text: string): Record<string, unknown> {
  const metrics: Record<string, unknown> = {}
  const own: Record<string, unknown> = {}
  for (const part of text.split(',').map(one => one.trim())) {
    const [key = '', value, ...more] = part.split('=')
    if (key === '' || value === undefined || value === '' || more.length > 0)
      throw usageError('--candidate is not a list of effects', [
        { path: '--candidate', message: 'is no effect', value: part, allowed: ['error-rate=2%', 'latency-p50=30ms'] },
      ])
    const metric = /^metrics\.(.+)$/.exec(key)?.[1]
    if (metric === undefined) own[key] = value
    else metrics[metric] = value.endsWith('%') ? { rate: value } : { mean: Number(value) }
  }
  return { ...own, ...(Object.keys(metrics).length > 0 && { metrics }) }
}
