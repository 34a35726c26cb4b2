/** release, status, explain and an operator's verbs. */
import { parseDurationMs } from '../../contract/units.ts'
import type {
  WireEndpoint,
  WireExplanation,
  WireRelease,
  WireReleaseSummary,
  WireTimelineEntry,
} from '../../contract/wire.ts'
import { readDocuments } from '../documents.ts'
import { percent } from '../io.ts'
import { CliFault, exit } from '../outcome.ts'
import { tellCheck, tellEntry } from '../story.ts'
import { type Action, type CommandContext, show } from './context.ts'
import { releasesTable } from './resources.ts'

const followMs = 300

export type ReleaseOptions = {
  endpoint: string
  to?: string | undefined
  strategy?: string | undefined
  file?: string | undefined
  wait: boolean
  timeout?: string | undefined
}

export const release: Action<ReleaseOptions> = async (context, options) => {
  const timeoutMs = options.timeout === undefined ? Number.POSITIVE_INFINITY : durationMs(options.timeout)
  const request = options.file === undefined ? shortRequest(options) : await fileRequest(context, options, options.file)
  const started = await context.control.post<WireRelease>('/api/v1/releases', request)
  if (!options.wait) {
    show(
      context,
      started,
      () =>
        `${started.id} started: ${started.from} -> ${started.to}; follow it with \`cutover status ${started.id} --watch\``,
    )
    return exit.done
  }
  return follow(context, { id: started.id, timeoutMs })
}

function shortRequest({ endpoint, to, strategy }: ReleaseOptions): unknown {
  if (to === undefined)
    throw new CliFault('a version is needed: --to VERSION, or a file with -f FILE', { exitCode: exit.usage })
  return { endpoint, to, ...(strategy !== undefined && { strategy }) }
}

async function fileRequest(context: CommandContext, options: ReleaseOptions, file: string): Promise<unknown> {
  if (options.strategy !== undefined)
    throw new CliFault('--strategy and -f exclude each other: the file names its stages', { exitCode: exit.usage })
  const documents = await readDocuments(file, context.io)
  const releases = documents.filter(one => (one as { kind?: unknown } | null)?.kind === 'Release')
  const mine = releases.filter(one => (one as { endpoint?: unknown }).endpoint === options.endpoint)
  const [document] = mine
  if (document === undefined || mine.length > 1) {
    throw new CliFault(`${file} must hold one Release of endpoint ${options.endpoint}; it holds ${mine.length}`, {
      exitCode: exit.usage,
    })
  }
  return options.to === undefined ? document : { ...document, to: options.to }
}

function durationMs(text: string): number {
  const ms = parseDurationMs(text)
  if (ms !== null) return ms
  throw new CliFault('--timeout is not a duration', {
    exitCode: exit.usage,
    problems: [{ path: '--timeout', message: 'not a duration', value: text, allowed: ['30s', '10m', '2h'] }],
  })
}

/** Tells every decision as it falls, until the release ends, holds for a person, or time is up. */
async function follow(context: CommandContext, what: { id: string; timeoutMs: number }): Promise<number> {
  const untilMs = performance.now() + what.timeoutMs
  let told = 0
  for (;;) {
    const explanation = await explanationOf(context, what.id).catch(error => patience(error, told))
    if (explanation !== null) {
      for (const entry of explanation.decisions.slice(told)) tell(context, entry, explanation.release)
      told = explanation.decisions.length
      const code = endOf(explanation.release)
      if (code !== null) return code
    }
    if (performance.now() > untilMs) {
      context.io.err(`${what.id} is not over yet; it goes on without this command`)
      return exit.holds
    }
    await new Promise(resolve => setTimeout(resolve, followMs))
  }
}

/** A server that restarts in the middle is waited for; one that was never there is not. */
function patience(error: unknown, told: number): null {
  if (told > 0 && error instanceof CliFault && error.code === 'unreachable') return null
  throw error
}

function tell({ io, format }: CommandContext, entry: WireTimelineEntry, { startedAt }: WireReleaseSummary): void {
  io.out(format === 'json' ? JSON.stringify(entry) : tellEntry(entry, Date.parse(startedAt)))
}

/** Holds that may end by themselves are waited out; one that needs a person is an end. */
function endOf({ state, phase, hold }: WireReleaseSummary): number | null {
  if (state === 'promoted' || phase === 'probation') return exit.done
  if (state === 'rolled-back') return exit.rolledBack
  const needsPerson = state === 'paused' || (hold !== null && hold.cause !== 'invalid' && hold.cause !== 'signal')
  return needsPerson ? exit.holds : null
}

function explanationOf({ control }: CommandContext, id: string): Promise<WireExplanation> {
  return control.get<WireExplanation>(`/api/v1/releases/${encodeURIComponent(id)}/explain`)
}

export const status: Action<{ release?: string | undefined; watch: boolean }> = async (context, options) => {
  const id = options.release ?? (options.watch ? await newest(context) : undefined)
  if (id !== undefined && options.watch) return follow(context, { id, timeoutMs: Number.POSITIVE_INFINITY })
  if (id === undefined) return overview(context)
  const found = await context.control.get<WireRelease>(`/api/v1/releases/${encodeURIComponent(id)}`)
  show(context, found, () => writeRelease(found))
  return exit.done
}

async function newest({ control }: CommandContext): Promise<string> {
  const { items } = await control.get<{ items: readonly WireReleaseSummary[] }>('/api/v1/releases')
  const chosen = items.find(one => one.endedAt === null) ?? items[0]
  if (chosen === undefined) throw new CliFault('there is no release yet', { exitCode: exit.failed })
  return chosen.id
}

async function overview(context: CommandContext): Promise<number> {
  const endpoints = (await context.control.get<{ items: readonly WireEndpoint[] }>('/api/v1/endpoints')).items
  const releases = (await context.control.get<{ items: readonly WireReleaseSummary[] }>('/api/v1/releases')).items
  show(context, { endpoints, releases }, () => {
    const lines = endpoints.map(one => {
      const shares = Object.entries(one.weightsPpm).filter(([, ppm]) => ppm > 0)
      const ready = one.versions
        .filter(version => version.weightPpm > 0)
        .map(version => `${version.name} ${version.instancesReady}/${version.instancesWanted} ready`)
      return `${one.name}: stable ${one.stable}; traffic ${shares.map(([name, ppm]) => `${name} ${percent(ppm)}`).join(', ')}; ${ready.join(', ')}`
    })
    return [
      lines.length === 0 ? 'no endpoints yet: `cutover apply -f cutover.yaml`' : lines.join('\n'),
      releases.length === 0 ? 'no releases yet' : `\n${releasesTable(releases)}`,
    ].join('\n')
  })
  return exit.done
}

function writeRelease(one: WireRelease): string {
  const where =
    one.stage === null ? one.phase : `${one.stage.kind}, step ${(one.stage.step ?? 0) + 1} of ${one.stage.steps}`
  const why = one.hold?.reason ?? one.returned?.reason
  return [
    `${one.id}: ${one.from} -> ${one.to} on ${one.endpoint}, ${one.state} (${where}), candidate ${percent(one.candidatePpm)}`,
    ...(why === undefined ? [] : [`  ${why}`]),
    ...(one.latest === null
      ? []
      : [
          `newest look, ${one.latest.at}: ${one.latest.judgement.verdict}`,
          ...one.latest.judgement.checks.map(check => `  ${tellCheck(check)}`),
        ]),
    'story:',
    ...one.timeline.map(line => `  ${line.at}  ${percent(line.candidatePpm).padStart(6)}  ${line.text}`),
  ].join('\n')
}

export const explain: Action<{ release: string }> = async (context, { release: id }) => {
  const explanation = await explanationOf(context, id)
  show(context, explanation, () => writeExplanation(explanation))
  return exit.done
}

function writeExplanation({ release: one, plan, decisions, latest }: WireExplanation): string {
  const checks = [
    ...plan.guardrails.map(check => ({ role: 'guardrail', ...check })),
    ...plan.signals.map(check => ({ role: 'signal', ...check })),
  ]
  return [
    `${one.id}: ${one.from} -> ${one.to} on ${one.endpoint}, ${one.state}, started ${one.startedAt} by ${one.actor}`,
    'plan:',
    ...checks.map(
      check =>
        `  ${check.role} ${check.metric}: margin ${check.margin}, alpha ${check.alpha}, at least ${check.minEvents} events on each side`,
    ),
    `  sample ratio: alpha ${plan.sampleRatioAlpha}; on fail: ${plan.onFail}`,
    'decisions:',
    ...decisions.flatMap(entry => [tellEntry(entry, Date.parse(one.startedAt)), ...recompute(entry)]),
    ...(latest === null ? [] : [`newest look, ${latest.at}: ${latest.judgement.verdict}: ${latest.judgement.reason}`]),
  ].join('\n')
}

/** What a statistician needs to compute the decision again. */
function recompute(entry: WireTimelineEntry): string[] {
  if (entry.judgement === null) return []
  const indent = ' '.repeat(20)
  return entry.judgement.checks.flatMap(check => {
    const strata = check.strata.map(
      one =>
        `epoch ${one.epoch}: ${one.candidate.events}/${one.candidate.trials} against ${one.stable.events}/${one.stable.trials}`,
    )
    if (strata.length === 0) return []
    const evidence =
      check.logEvidence === null
        ? ''
        : `; log evidence ${check.logEvidence.toFixed(3)}, a breach at ${Math.log(1 / check.alpha).toFixed(3)}`
    return [`${indent}${check.metric}: ${check.method}; ${strata.join('; ')}${evidence}`]
  })
}

export const operate: Action<{ release: string; verb: string; note?: string | undefined }> = async (
  context,
  { release: id, verb, note },
) => {
  const found = await context.control.post<WireRelease>(
    `/api/v1/releases/${encodeURIComponent(id)}/${verb}`,
    note === undefined ? {} : { note },
  )
  show(context, found, () => `${found.id}: ${found.state} (${found.phase}), candidate ${percent(found.candidatePpm)}`)
  return exit.done
}
