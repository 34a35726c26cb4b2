/** One segment: who is in it, which flags name it, who changed it. */
import { useState } from 'react'
import { Link, useParams } from 'wouter'
import { segmentSchema, type WireSegment } from '../../../src/contract/wire/flag.ts'
import { liveMs, useRead } from '../../api/reading.ts'
import { usePageTitle } from '../../parts/page-title.ts'
import { Waiting } from '../../parts/waiting.tsx'
import './flags.css'
import { History } from './history.tsx'
import { flagPath, nameOf, ofSegment } from './paths.ts'

export function SegmentPage() {
  const name = nameOf(useParams()['name'])
  usePageTitle(`Segment ${name}`)
  const read = useRead(ofSegment(name), segmentSchema, { everyMs: liveMs })
  const isGone = read.error?.problem.code === 'segment-not-found'
  return (
    <section className="page flags">
      <p className="trail">
        <Link href="/flags">Flags</Link> / segment {name}
      </p>
      <h1>{name}</h1>
      {isGone ? (
        <p className="muted">There is no such segment now. What the history knows of it:</p>
      ) : (
        <Waiting read={read}>{segment => <Shown segment={segment} />}</Waiting>
      )}
      <History of={ofSegment(name)} revision={isGone ? undefined : read.data?.revision} what="segment" />
    </section>
  )
}

function Shown({ segment: { description, include, exclude, when, usedBy } }: { segment: WireSegment }) {
  return (
    <>
      {description !== null && <p>{description}</p>}
      <section className="panel" aria-label="Who is in it">
        <div className="stack wide">
          {when.length > 0 && (
            <div className="stack tight">
              <h3>Whoever fits</h3>
              <p className="clamp-long">{when.join(' and ')}</p>
            </div>
          )}
          {include.length > 0 && <Units title="By name" units={include} />}
          {exclude.length > 0 && <Units title="Never" units={exclude} />}
          <div className="stack tight">
            <h3>Named by</h3>
            {usedBy.length === 0 ? (
              <p className="muted">No flag. It can be deleted.</p>
            ) : (
              <p>
                {usedBy.map((flag, index) => (
                  <span key={flag}>
                    {index > 0 && ', '}
                    <Link href={flagPath(flag)}>{flag}</Link>
                  </span>
                ))}
              </p>
            )}
          </div>
        </div>
      </section>
    </>
  )
}

/** A segment may list ten thousand; nobody reads them in a row. */
const unitsFirst = 60
const unitsMore = 1_000

function Units({ title, units }: { title: string; units: readonly string[] }) {
  const [count, setCount] = useState(unitsFirst)
  return (
    <div className="stack tight">
      <h3>
        {title} <span className="muted">({units.length})</span>
      </h3>
      <ul className="chips">
        {units.slice(0, count).map(unit => (
          <li key={unit}>{unit}</li>
        ))}
      </ul>
      {units.length > count && (
        <div>
          <button type="button" className="quiet" onClick={() => setCount(count + unitsMore)}>
            {units.length - count} more
          </button>
        </div>
      )}
    </div>
  )
}
