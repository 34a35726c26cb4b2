/** JSON by its shape: which keys there are and of what type, whatever the values and however many elements. */
import { limits } from '../limits.ts'
import { type Comparison, shown } from './comparison.ts'

export function compareShapes(champion: unknown, challenger: unknown): Comparison {
  const [ours, theirs] = [shapeOf(champion), shapeOf(challenger)]
  if (ours === null) return { comparable: false, reason: "the champion's body is too large to compare its shape" }
  if (theirs === null) {
    return {
      comparable: true,
      agree: false,
      distance: 1,
      note: "the challenger's body is too large to compare its shape",
    }
  }
  const missing = [...ours].filter(place => !theirs.has(place))
  const added = [...theirs].filter(place => !ours.has(place))
  const different = missing.length + added.length
  return {
    comparable: true,
    agree: different === 0,
    distance: different / (ours.size + added.length),
    note: [...firstOf('missing', missing), ...firstOf('added', added)].join('; '),
  }
}

function firstOf(what: string, places: readonly string[]): string[] {
  if (places.length === 0) return []
  const more = places.length > 1 ? ` and ${places.length - 1} more` : ''
  return [`${what} ${shown(places[0])}${more}`]
}

type Visit = { value: unknown; path: string; depth: number }

/** Each place with the type of what stands there; null where the body passes a bound. */
function shapeOf(root: unknown): ReadonlySet<string> | null {
  const places = new Set<string>()
  const open: Visit[] = [{ value: root, path: '', depth: 0 }]
  let nodes = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    nodes += 1
    if (nodes > limits.comparedNodesMax || next.depth > limits.comparedDepthMax) return null
    places.add(`${next.path || '/'}: ${typeOf(next.value)}`)
    for (const child of childrenOf(next)) open.push(child)
  }
  return places
}

/** All elements of a list stand at one place. */
function childrenOf({ value, path, depth }: Visit): Visit[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.map(item => ({ value: item, path: `${path}/*`, depth: depth + 1 }))
  return Object.entries(value).map(([key, item]) => ({
    value: item,
    path: `${path}/${escaped(key)}`,
    depth: depth + 1,
  }))
}

/** As in JSON pointers, and a key that is a star is no list. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('*', '~2')
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}
