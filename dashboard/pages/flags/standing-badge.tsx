import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import { Badge } from '../../parts/badge.tsx'
import { standingOf } from './words.ts'

export function StandingBadge({ flag }: { flag: WireFlag }) {
  const { word, tone } = standingOf(flag)
  return <Badge tone={tone}>{word}</Badge>
}
