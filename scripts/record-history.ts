// Keeps the event log of a server that has ended as a history that must fold to the same state for ever.
// `node scripts/record-history.ts DATA-FOLDER NAME [FOLDER-OF-THE-MODELS]` writes test/histories/NAME.json. Paths below the
// folder that the data folder is in, and below that of the models (examples/digits where it is left out), become paths
// below /srv/digits.
import { existsSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import packageInfo from '../package.json' with { type: 'json' }
import { openSqliteEventLog } from '../src/adapters/event-log/sqlite.ts'
import type { LoggedEvent } from '../src/core/event.ts'
import { limits } from '../src/core/limits.ts'
import { fold } from '../src/core/step.ts'
import { tellAll } from '../src/core/tell.ts'

const root = resolve(import.meta.dirname, '..')
const place = '/srv/digits'

function readLog(file: string): LoggedEvent[] {
  const log = openSqliteEventLog(file)
  const events: LoggedEvent[] = []
  try {
    for (;;) {
      const page = log.read({ afterSeq: events.at(-1)?.seq ?? 0, limit: limits.pageMax })
      if (page.length === 0) return events
      events.push(...page)
    }
  } finally {
    log.close()
  }
}

/** What a history may not tell of the machine it was recorded on. */
function withoutMachine(events: readonly LoggedEvent[], folders: readonly string[]): LoggedEvent[] {
  const text = folders.reduce((now, folder) => now.replaceAll(folder, place), JSON.stringify(events))
  const left = [root, tmpdir(), homedir()].find(path => text.includes(`${path}/`))
  if (left !== undefined) throw new Error(`the log names paths below ${left}; give the folder that they are in`)
  return JSON.parse(text)
}

/** One event, one release, one line: a change of it can be read. */
function write(events: readonly LoggedEvent[]): string {
  const state = fold(events)
  const stories = Object.keys(state.releases).map(release => {
    const story = tellAll(events, release).map(({ seq, kind, text, candidatePpm }) => ({
      seq,
      kind,
      text,
      candidatePpm,
    }))
    return `${JSON.stringify(release)}: [\n${lines(story)}\n]`
  })
  return [
    `{"recordedBy": ${JSON.stringify(packageInfo.version)}, "events": [`,
    lines(events),
    '], "expected": {"state":',
    JSON.stringify(state),
    `, "stories": {\n${stories.join(',\n')}\n}}}\n`,
  ].join('\n')
}

function lines(values: readonly unknown[]): string {
  return values.map(value => JSON.stringify(value)).join(',\n')
}

const [data, name, models = join(root, 'examples/digits')] = process.argv.slice(2)
if (data === undefined || name === undefined)
  throw new Error('usage: node scripts/record-history.ts DATA-FOLDER NAME [FOLDER-OF-THE-MODELS]')
const folders = [dirname(resolve(data)), resolve(models)]
const file = join(data, 'events.db')
if (!existsSync(file)) throw new Error(`${file} does not exist`)
writeFileSync(join(root, 'test/histories', `${name}.json`), write(withoutMachine(readLog(file), folders)))
