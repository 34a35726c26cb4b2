/** All flags and segments: what each serves now, what hangs on it, and what its schedule does next. */
import { useDeferredValue, useState } from 'react'
import { flagSchema, segmentSchema } from '../../../src/contract/wire/flag.ts'
import { listOf } from '../../../src/contract/wire/list.ts'
import { useRead } from '../../api/reading.ts'
import { Field } from '../../parts/field.tsx'
import { usePageTitle } from '../../parts/page-title.ts'
import { Waiting } from '../../parts/waiting.tsx'
import { FlagList } from './flag-list.tsx'
import { NewFlag } from './new-flag.tsx'
import './flags.css'
import { flagsApi, segmentsApi } from './paths.ts'
import { SegmentList } from './segment-list.tsx'
import { matching } from './words.ts'

const flags = listOf(flagSchema)
const segments = listOf(segmentSchema)

/** Flags change by hand and by their schedules; thousands of them are much to send. */
const everyMs = 10_000

export function FlagsPage() {
  usePageTitle('Flags')
  const [text, setText] = useState('')
  const [isMaking, setMaking] = useState(false)
  const sought = useDeferredValue(text)
  const readFlags = useRead(flagsApi, flags, { everyMs })
  const readSegments = useRead(segmentsApi, segments, { everyMs })
  return (
    <section className="page flags">
      <div className="row spread">
        <div className="row">
          <h1>Flags</h1>
          {!isMaking && (
            <button type="button" onClick={() => setMaking(true)}>
              New flag…
            </button>
          )}
        </div>
        <div className="flags-filter">
          <Field label="Filter">
            {labelled => (
              <input
                {...labelled}
                type="search"
                placeholder="name, variant, owner, release, killed…"
                value={text}
                onChange={event => setText(event.target.value)}
              />
            )}
          </Field>
        </div>
      </div>
      {isMaking && <NewFlag taken={namesOf(readFlags.data)} onClose={() => setMaking(false)} />}
      <Waiting read={readFlags}>
        {({ items }) => <FlagList flags={matching(items, sought)} all={items.length} />}
      </Waiting>
      <h2>Segments</h2>
      <Waiting read={readSegments}>{({ items }) => <SegmentList segments={items} />}</Waiting>
    </section>
  )
}

function namesOf(read: { items: readonly { name: string }[] } | undefined): string[] {
  return (read?.items ?? []).map(({ name }) => name)
}
