import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import { standingOf } from './words.ts'

export function StandingBadge({ flag }: { flag: WireFlag }) {
  const { word, tone, means } = standingOf(flag)
  return (
    <span className={`badge ${tone}`} title={means}>
      {word}
    </span>
  )
}
