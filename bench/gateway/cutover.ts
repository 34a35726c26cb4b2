/** Cutover as people run it: the launcher, a resource file, a data folder on disk, a release under way. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { endpointResource } from '../../src/contract/resources.ts'
import { freePort } from '../../test/support/free-port.ts'
import type { Contestant } from './contestant.ts'
import { treeOf } from './proc.ts'
import { type Place, until, untilAnswers } from './processes.ts'
import { gatewayCore, settings } from './settings.ts'

/** No stage mirrors and splits at once: the table that the gateway gets is dressed on its way, all else is as it is. */
const mirrorHook = join(import.meta.dirname, 'mirrored/register.ts')
const launcher = resolve(import.meta.dirname, '../../bin/cutover.js')

export type CutoverJob = {
  upstream: number
  /** A canary that stays at 10 %; without it the stable version serves everybody. */
  release: boolean
  /** Copies for v2 of so many percent of the users, beside the split. */
  mirrorPercent?: number
  /** Writes no record of requests. */
  unrecorded?: true
  /** Requests under way on one connection to the model server. */
  pipelining?: number
  core?: string
  workers?: number
  /** Where the unit stands in the body; in a header where it is left out. */
  unitPointer?: string
  /** Pauses of the garbage collector go to this file of the place. */
  gcTrace?: string
}

export type CutoverContestant = Contestant & { pid: number; control: string }

export async function startCutover(place: Place, job: CutoverJob): Promise<CutoverContestant> {
  const [inference, control] = [await freePort(), await freePort()]
  const file = place.write(`bench-${inference}.yaml`, documents(job))
  const words = [
    ...['serve', '-c', file, '--data', join(place.folder, `data-${inference}`), '--log-level', 'error'],
    ...['--inference-port', String(inference), '--control-port', String(control)],
    ...(job.workers === undefined ? [] : ['--workers', String(job.workers)]),
  ]
  const nodeFlags = [
    ...(job.gcTrace === undefined ? [] : ['--trace-gc']),
    ...(settings.profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(settings.profileFolder)}`]),
    ...(job.mirrorPercent === undefined ? [] : ['--import', mirrorHook]),
  ]
  const command = [process.execPath, ...nodeFlags, launcher, ...words]
  const child = place.start(job.core ?? gatewayCore, command, {
    ...(job.gcTrace !== undefined && { stdout: job.gcTrace }),
    ...(job.mirrorPercent !== undefined && { env: { BENCH_MIRROR_PPM: String(job.mirrorPercent * 10_000) } }),
  })
  const page = metricsAt(`http://127.0.0.1:${control}/metrics`)
  await untilAnswers(`http://127.0.0.1:${inference}/endpoints/bench/predict`)
  if (job.release) await until('the candidate has its 10 %', async () => (await page(candidateWeight)) === 0.1)
  return {
    name: job.pipelining === undefined ? 'cutover' : `pipelining ${job.pipelining}`,
    origin: `http://127.0.0.1:${inference}`,
    path: '/endpoints/bench',
    ...(job.gcTrace !== undefined && { gcTrace: job.gcTrace }),
    pid: child.pid ?? 0,
    control: `http://127.0.0.1:${control}`,
    pids: () => treeOf(child.pid ?? 0),
    // A copy is recorded too: what is left are the requests of callers.
    records: async () => (await page(recorded)) - (await page(copied)),
    dropped: async () => (await page(lost)) + (await page(copiesLost)),
    end: () => place.end(child),
  }
}

/** A server of a build without it says so in its help. */
export function hasWorkers(): boolean {
  return spawnSync(process.execPath, [launcher, 'serve', '--help'], { encoding: 'utf8' }).stdout.includes('--workers')
}

/** Whether this build can forward without recording. */
export function canSwitchRecordingOff(): boolean {
  return endpointResource.safeParse(endpointOf({ upstream: 1, release: false, unrecorded: true })).success
}

const candidateWeight = /^cutover_traffic_weight_ratio\{[^}]*version="v2"[^}]*\} (\S+)$/gm
const recorded = /^cutover_predictions_recorded_total (\S+)$/gm
const lost = /^cutover_predictions_dropped_total (\S+)$/gm
const copied = /^cutover_mirror_copies_total\{[^}]*\} (\S+)$/gm
const copiesLost = /^cutover_mirror_dropped_total\{[^}]*\} (\S+)$/gm

function metricsAt(url: string): (series: RegExp) => Promise<number> {
  return async series => {
    const text = await (await fetch(url)).text()
    return [...text.matchAll(series)].reduce((sum, match) => sum + Number(match[1]), 0)
  }
}

function documents(job: CutoverJob): string {
  const release = {
    kind: 'Release',
    endpoint: 'bench',
    to: 'v2',
    stages: [{ canary: { steps: [{ weight: '10%', for: '24h', 'at-most': '48h' }] } }],
  }
  return [endpointOf(job), ...(job.release ? [release] : [])].map(one => stringify(one)).join('---\n')
}

function endpointOf({ upstream, unrecorded, pipelining, unitPointer }: CutoverJob): object {
  const lanes = pipelining === undefined ? {} : { pipelining }
  const version = { url: `http://127.0.0.1:${upstream}`, ready: { path: '/ready' }, ...lanes }
  return {
    kind: 'Endpoint',
    name: 'bench',
    protocol: 'http',
    unit: unitPointer === undefined ? { header: 'x-user-id' } : { pointer: unitPointer },
    stable: 'v1',
    versions: { v1: version, v2: version },
    prediction: { output: '/label' },
    'payload-sample': '0%',
    'body-limit': 64 * 1024 * 1024,
    ...(unrecorded && { recording: 'off' }),
  }
}
