import { Link } from 'wouter'
import type { WireSegment } from '../../../src/contract/wire/flag.ts'
import { flagPath, segmentPath } from './paths.ts'

export function SegmentList({ segments }: { segments: readonly WireSegment[] }) {
  if (segments.length === 0)
    return <p className="muted">There is none. A segment names callers once, for the rules of several flags.</p>
  return (
    <ul className="cards">
      {segments.map(segment => (
        <li key={segment.name} className="panel segment-row">
          <div className="stack tight">
            <Link href={segmentPath(segment.name)} className="name">
              {segment.name}
            </Link>
            {segment.description !== null && <p className="muted clamp">{segment.description}</p>}
          </div>
          <p className="clamp">{membersWords(segment)}</p>
          <p className="small muted">
            {segment.usedBy.length === 0 && 'no flag names it'}
            {segment.usedBy.slice(0, 4).map((name, index) => (
              <span key={name}>
                {index === 0 ? 'in ' : ', '}
                <Link href={flagPath(name)}>{name}</Link>
              </span>
            ))}
            {segment.usedBy.length > 4 && ` and ${segment.usedBy.length - 4} more`}
          </p>
        </li>
      ))}
    </ul>
  )
}

function membersWords({ include, exclude, when }: WireSegment): string {
  const parts = [
    ...(include.length > 0 ? [`${include.length} by name`] : []),
    ...(when.length > 0 ? [`whoever fits: ${when.join(' and ')}`] : []),
    ...(exclude.length > 0 ? [`${exclude.length} excluded by name`] : []),
  ]
  return parts.join('; ')
}
