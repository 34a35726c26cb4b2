/** Who answers how much: a bar, and the same in words. */
import { percent } from '../../src/contract/words/quantities.ts'

type Props = { weightsPpm: Readonly<Record<string, number>>; stable: string }

export function TrafficBar({ weightsPpm, stable }: Props) {
  const serving = Object.entries(weightsPpm).filter(([, ppm]) => ppm > 0)
  // The stable version first, so that a candidate grows from the right.
  const ordered = serving.toSorted(([a], [b]) => Number(b === stable) - Number(a === stable))
  let from = 0
  const parts = ordered.map(([version, ppm]) => {
    const part = { version, ppm, from }
    from += ppm
    return part
  })
  return (
    <div className="traffic">
      <svg viewBox="0 0 1000000 10" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(({ version, ppm, from }) => (
          <rect
            key={version}
            x={from}
            width={ppm}
            height="10"
            className={version === stable ? 'stable' : 'candidate'}
          />
        ))}
      </svg>
      <ul>
        {parts.map(({ version, ppm }) => (
          <li key={version} className={version === stable ? 'stable' : 'candidate'}>
            {version} <b>{percent(ppm)}</b>
          </li>
        ))}
      </ul>
    </div>
  )
}
