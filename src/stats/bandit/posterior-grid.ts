/**
 * Independent posteriors of the arms' values on one shared grid, so that the probability of being the best and the
 * expected loss are sums over its nodes: fixed quadrature, the same digits every time, no draws.
 *
 * The line is cut into panels at points that every posterior suggests, with Chebyshev nodes in each; the distribution
 * functions come from integrating the densities' interpolating polynomials, node by node, so that no special function
 * is needed however great the counts are.
 */

/** One posterior on the line. */
export type Posterior = {
  /**
   * Where to cut the line, ascending: between neighbours the logarithm of the density changes by at most about 10 and
   * is close to a parabola; outside the first and last the density is negligible.
   */
  readonly edges: readonly number[]
  /** The logarithm of the density up to a constant, 0 at its greatest. */
  readonly logDensity: (position: number) => number
}

/** The posteriors at the nodes; each of the last two has one row for every posterior. */
export type PosteriorGrid = {
  readonly positions: Float64Array
  /** What each node counts for in an integral over the line. */
  readonly weights: Float64Array
  readonly densities: readonly Float64Array[]
  /** The probability of being at most the node, without cancellation in the lower tail. */
  readonly below: readonly Float64Array[]
}

const NODES = 16

/** An edge nearer to its neighbour than this share of its own panels adds cost and no digits. */
const LEAST_DISTANCE = 0.5

const rule = chebyshevRule(NODES)

/** Evaluates all posteriors at the nodes of a grid that is fine enough for each of them. */
export function posteriorGrid(posteriors: readonly Posterior[]): PosteriorGrid {
  const edges = sharedEdges(posteriors)
  const { positions, weights } = nodesOf(edges)
  const rows = posteriors.map(posterior => tabulate(posterior, edges, positions))
  return { positions, weights, densities: rows.map(row => row.density), below: rows.map(row => row.below) }
}

/** P(arm k has the greatest value) = integral of f_k times the product of the other arms' F_j; the sum is 1. */
export function bestProbabilities({ weights, densities, below }: PosteriorGrid): number[] {
  const sums = densities.map(() => 0)
  const others = new Float64Array(densities.length)
  for (let node = 0; node < weights.length; node += 1) {
    let before = 1
    for (let arm = 0; arm < others.length; arm += 1) {
      others[arm] = before
      before *= below[arm]?.[node] ?? 0
    }
    let after = weights[node] ?? 0
    for (let arm = others.length - 1; arm >= 0; arm -= 1) {
      sums[arm] = (sums[arm] ?? 0) + (densities[arm]?.[node] ?? 0) * (others[arm] ?? 0) * after
      after *= below[arm]?.[node] ?? 0
    }
  }
  const total = sums.reduce((sum, value) => sum + value, 0)
  return sums.map(sum => sum / total)
}

/**
 * E[(greatest value of the others - value of arm k)+] = integral of F_k (1 - product of the other arms' F_j) dx, where
 * `slope` is dx by the position on the line. It has no cancellation, so a tiny loss keeps its digits.
 */
export function expectedLosses(grid: PosteriorGrid, slope: (position: number) => number): number[] {
  const { positions, weights, below } = grid
  const above = grid.densities.map(density => survival(density, weights))
  const losses = below.map(() => 0)
  for (let node = 0; node < weights.length; node += 1) {
    const step = (weights[node] ?? 0) * slope(positions[node] ?? 0)
    for (let arm = 0; arm < losses.length; arm += 1)
      losses[arm] = (losses[arm] ?? 0) + step * (below[arm]?.[node] ?? 0) * anyAbove(above, node, arm)
  }
  return losses
}

/** The probability that any arm but one exceeds the node: 1 - product of (1 - S_j), summed up without cancellation. */
function anyAbove(above: readonly Float64Array[], node: number, except: number): number {
  let probability = 0
  for (let arm = 0; arm < above.length; arm += 1) {
    const one = arm === except ? 0 : (above[arm]?.[node] ?? 0)
    probability += one * (1 - probability)
  }
  return probability
}

function sharedEdges(posteriors: readonly Posterior[]): number[] {
  const all = posteriors.flatMap(({ edges }) => edges.map((edge, index) => ({ edge, room: roomAround(edges, index) })))
  all.sort((left, right) => left.edge - right.edge)
  const kept: number[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const { edge, room } of all) {
    if (edge <= last || edge - last < room) continue
    kept.push(edge)
    last = edge
  }
  return kept
}

function roomAround(edges: readonly number[], index: number): number {
  const edge = edges[index] ?? 0
  const left = edge - (edges[index - 1] ?? Number.NEGATIVE_INFINITY)
  const right = (edges[index + 1] ?? Number.POSITIVE_INFINITY) - edge
  return LEAST_DISTANCE * Math.min(left, right)
}

function nodesOf(edges: readonly number[]): { positions: Float64Array; weights: Float64Array } {
  const count = (edges.length - 1) * NODES
  const positions = new Float64Array(count)
  const weights = new Float64Array(count)
  for (let panel = 0; panel + 1 < edges.length; panel += 1) {
    const left = edges[panel] ?? 0
    const half = ((edges[panel + 1] ?? 0) - left) / 2
    for (let node = 0; node < NODES; node += 1) {
      positions[panel * NODES + node] = left + half * (1 + (rule.nodes[node] ?? 0))
      weights[panel * NODES + node] = half * (rule.weights[node] ?? 0)
    }
  }
  return { positions, weights }
}

type Row = { density: Float64Array; below: Float64Array }

/** The density and its integral from the left at every node. */
function tabulate(posterior: Posterior, edges: readonly number[], positions: Float64Array): Row {
  const density = new Float64Array(positions.length)
  const below = new Float64Array(positions.length)
  let mass = 0
  for (let panel = 0; panel + 1 < edges.length; panel += 1) {
    const left = edges[panel] ?? 0
    const right = edges[panel + 1] ?? 0
    const first = panel * NODES
    if (isInside(posterior, left, right)) {
      fillDensity(posterior, density, positions, first)
      mass = integratePanel(density, below, first, (right - left) / 2, mass)
    } else below.fill(mass, first, first + NODES)
  }
  for (let node = 0; node < density.length; node += 1) {
    density[node] = (density[node] ?? 0) / mass
    below[node] = (below[node] ?? 0) / mass
  }
  return { density, below }
}

function isInside({ edges }: Posterior, left: number, right: number): boolean {
  return right > (edges[0] ?? 0) && left < (edges.at(-1) ?? 0)
}

function fillDensity({ logDensity }: Posterior, density: Float64Array, positions: Float64Array, first: number): void {
  for (let node = first; node < first + NODES; node += 1) density[node] = Math.exp(logDensity(positions[node] ?? 0))
}

/** Continues the integral of the density through one panel; returns it at the panel's right end. */
function integratePanel(
  density: Float64Array,
  below: Float64Array,
  first: number,
  half: number,
  before: number,
): number {
  let mass = 0
  for (let node = 0; node < NODES; node += 1) {
    let sum = 0
    for (let other = 0; other < NODES; other += 1)
      sum += (density[first + other] ?? 0) * (rule.integrals[node * NODES + other] ?? 0)
    below[first + node] = before + half * Math.max(0, sum)
    mass += (density[first + node] ?? 0) * (rule.weights[node] ?? 0)
  }
  return before + half * mass
}

/** The integral of a density from the right at every node: that of the mirrored density from the left. */
function survival(density: Float64Array, weights: Float64Array): Float64Array {
  const mirrored = density.toReversed()
  const above = new Float64Array(density.length)
  let mass = 0
  for (let first = 0; first < density.length; first += NODES) {
    const half = (weights[density.length - 1 - first] ?? 0) / (rule.weights[0] ?? 1)
    mass = integratePanel(mirrored, above, first, half, mass)
  }
  return above.reverse()
}

/**
 * Nodes in (-1, 1), ascending; weights of the integral over it (Fejer's first rule); and in row i, column j of
 * `integrals` the integral from -1 to node i of the polynomial that is 1 at node j and 0 at the others (by Chebyshev
 * series, as Clenshaw & Curtis, "A method for numerical integration on an automatic computer", Numerische Mathematik 2,
 * 1960).
 */
function chebyshevRule(count: number): { nodes: Float64Array; weights: Float64Array; integrals: Float64Array } {
  const angles = Array.from({ length: count }, (_, index) => (Math.PI * (2 * (count - index) - 1)) / (2 * count))
  const integralTo = (angle: number, node: number): number => {
    let sum = 0
    for (let degree = 0; degree < count; degree += 1) {
      const coefficient = ((degree === 0 ? 1 : 2) / count) * Math.cos(degree * (angles[node] ?? 0))
      sum += coefficient * (antiderivative(degree, angle) - antiderivative(degree, Math.PI))
    }
    return sum
  }
  const indices = [...angles.keys()]
  return {
    nodes: Float64Array.from(angles, Math.cos),
    weights: Float64Array.from(indices, node => integralTo(0, node)),
    integrals: Float64Array.from(angles.flatMap(angle => indices.map(node => integralTo(angle, node)))),
  }
}

/** An antiderivative of the Chebyshev polynomial of one degree at the cosine of an angle. */
function antiderivative(degree: number, angle: number): number {
  if (degree === 0) return Math.cos(angle)
  if (degree === 1) return Math.cos(2 * angle) / 4
  return Math.cos((degree + 1) * angle) / (2 * (degree + 1)) - Math.cos((degree - 1) * angle) / (2 * (degree - 1))
}
