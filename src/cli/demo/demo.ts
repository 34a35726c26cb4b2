/**
 * The whole job before one's eyes: a server with real models, simulated users, a good release that is promoted and a
 * broken one that is rolled back. Everything goes over the public listeners, as anybody's own traffic would.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { WireExplanation, WireReleaseSummary, WireTimelineEntry } from '../../contract/wire/release.ts'
import { tellEntry } from './story.ts'
import { loadHeldOut, startUsers, type Users } from './users.ts'

export type DemoServer = { inferenceUrl: string; controlUrl: string; stop: () => Promise<void> }

export type DemoOptions = {
  once: boolean
  json: boolean
  seed: number
  /** Starts a server on the resource file in a folder of its own. */
  start: (resources: string) => Promise<DemoServer>
  write: (line: string) => unknown
  /** Resolves when the person at the terminal has seen enough. */
  interrupted: Promise<void>
}

type Expected = { version: string; file: string; state: WireReleaseSummary['state']; intro: string }

const example = new URL('../../../examples/digits/', import.meta.url)

const releases: readonly Expected[] = [
  {
    version: 'v2',
    file: 'release-v2.yaml',
    state: 'promoted',
    intro: 'v2 looks better offline. Is it, for live users?',
  },
  {
    version: 'v3',
    file: 'release-v3.yaml',
    state: 'rolled-back',
    intro: 'v3 looks best offline. It answers 200, fast, and wrong: its input scaling was lost in the export.',
  },
]

const warmUpMs = 1_500
const pollMs = 150
const releaseTimeoutMs = 150_000

/** Exit code 0 if both releases ended as they should, 1 if not. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const server = await options.start(new URL('cutover.yaml', example).pathname)
  const users = startUsers({
    inferenceUrl: server.inferenceUrl,
    heldOut: loadHeldOut(new URL('heldout.json', example)),
    seed: options.seed,
  })
  const stage = createStage(options)
  try {
    stage.opening(server, users)
    const ended = await Promise.race([play({ server, users, stage }), options.interrupted.then(() => null)])
    if (ended === null) return 0
    if (!options.once) {
      stage.staysUp(server)
      await options.interrupted
    }
    return ended ? 0 : 1
  } finally {
    await users.stop()
    await server.stop()
  }
}

type Scene = { server: DemoServer; users: Users; stage: Stage }

async function play(scene: Scene): Promise<boolean> {
  await pause(warmUpMs)
  const results: { release: string; to: string; state: string; expected: string }[] = []
  for (const expected of releases) {
    const end = await playRelease(expected, scene)
    results.push({ release: end.id, to: end.to, state: end.state, expected: expected.state })
  }
  const isAsExpected = results.every(one => one.state === one.expected)
  scene.stage.summary(scene.users, results)
  return isAsExpected
}

async function playRelease(expected: Expected, { server, stage }: Scene): Promise<WireReleaseSummary> {
  const document: unknown = parse(readFileSync(new URL(expected.file, example), 'utf8'))
  const started = await ask<WireReleaseSummary>(`${server.controlUrl}/api/v1/releases`, document)
  stage.release(started, expected.intro)
  const untilMs = performance.now() + releaseTimeoutMs
  let told = 0
  for (;;) {
    const { release, decisions } = await ask<WireExplanation>(
      `${server.controlUrl}/api/v1/releases/${started.id}/explain`,
    )
    for (const entry of decisions.slice(told)) stage.entry(entry, Date.parse(started.startedAt))
    told = decisions.length
    const isOver = release.state === 'promoted' || release.state === 'rolled-back'
    if (isOver || performance.now() > untilMs) return release
    await pause(pollMs)
  }
}

async function ask<Answer>(url: string, body?: unknown): Promise<Answer> {
  const init =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(url, init)
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return JSON.parse(text) as Answer
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

type Stage = ReturnType<typeof createStage>

/** What is shown: sentences for a person, or one JSON event a line for a program. */
function createStage({ json, write }: DemoOptions) {
  const say = (event: string, data: object, text: string): void => {
    write(json ? JSON.stringify({ event, at: new Date().toISOString(), ...data }) : text)
  }
  return {
    opening({ inferenceUrl, controlUrl }: DemoServer, users: Users) {
      say(
        'started',
        {
          inference: inferenceUrl,
          control: controlUrl,
          users: users.count,
          requestsPerSecond: users.requestsPerSecond,
        },
        `Cutover serves handwritten digits: inference ${inferenceUrl}, control ${controlUrl}\n${users.count} users send ${users.requestsPerSecond} held-out images a second; the true labels follow half a second to two and a half later.`,
      )
    },
    release(release: WireReleaseSummary, intro: string) {
      say(
        'release',
        { release: release.id, endpoint: release.endpoint, from: release.from, to: release.to },
        `\n${release.id}: ${release.from} -> ${release.to}. ${intro}`,
      )
    },
    entry(entry: WireTimelineEntry, startedAtMs: number) {
      say('timeline', entry, tellEntry(entry, startedAtMs))
    },
    summary(users: Users, results: readonly { release: string; to: string; state: string; expected: string }[]) {
      const { sent, failed, labelled } = users.tally
      const words = results
        .map(one => `${one.to} ${one.state === one.expected ? one.state : `${one.state}, expected ${one.expected}`}`)
        .join(', ')
      say(
        'summary',
        { requests: sent, failed, labels: labelled, releases: results },
        `\n${words}. ${sent} requests, ${failed} failed, ${labelled} labels.`,
      )
    },
    staysUp({ controlUrl }: DemoServer) {
      const server = controlUrl.endsWith(':8081') ? '' : ` --server ${controlUrl}`
      say(
        'serving',
        { control: controlUrl },
        `\nThe server stays up and the users go on. In another terminal:\n  npm run cutover -- status${server}\n  npm run cutover -- explain digits-2${server}\n  npm run cutover -- release digits --to v4 -f examples/digits/release-v4.yaml --wait${server}   (accurate and slow)\nCtrl-C ends it.`,
      )
    },
  }
}
