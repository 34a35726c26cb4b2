/** Integrals of smooth functions by fixed Gauss-Legendre rules: the same nodes every time, so the same digits. */

const NODES = 32

/** Nodes in (-1, 1) and weights of the rule, found once by Newton's method on the Legendre polynomial. */
const rule = legendreRule(NODES)

/**
 * The integral of `f` over [low, high], cut into `panels` equal parts with 32 nodes each. Exact to rounding for
 * functions that a polynomial of degree 63 fits within a panel.
 */
export function integrate(f: (x: number) => number, low: number, high: number, panels: number): number {
  const width = (high - low) / panels
  let sum = 0
  for (let panel = 0; panel < panels; panel += 1) {
    const middle = low + (panel + 0.5) * width
    for (const { node, weight } of rule) sum += weight * f(middle + (node * width) / 2)
  }
  return (sum * width) / 2
}

/**
 * The nodes and weights of the same rule over [low, high] in `panels` equal parts, for integrands that are evaluated
 * again and again at the same places; nodes ascend.
 */
export function gaussLegendre(
  low: number,
  high: number,
  panels: number,
): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  const nodes = new Float64Array(panels * NODES)
  const weights = new Float64Array(panels * NODES)
  const width = (high - low) / panels
  for (let panel = 0; panel < panels; panel += 1) {
    const middle = low + (panel + 0.5) * width
    for (const [index, { node, weight }] of rule.entries()) {
      const position = (panel + 1) * NODES - 1 - index
      nodes[position] = middle + (node * width) / 2
      weights[position] = (weight * width) / 2
    }
  }
  return { nodes, weights }
}

function legendreRule(count: number): readonly { node: number; weight: number }[] {
  return Array.from({ length: count }, (_, index) => {
    let x = Math.cos((Math.PI * (index + 0.75)) / (count + 0.5))
    let slope = 0
    for (let step = 0; step < 100; step += 1) {
      const { value, derivative } = legendre(count, x)
      slope = derivative
      const next = x - value / derivative
      if (Math.abs(next - x) < 1e-16) break
      x = next
    }
    return { node: x, weight: 2 / ((1 - x * x) * slope * slope) }
  })
}

function legendre(degree: number, x: number): { value: number; derivative: number } {
  let before = 1
  let value = x
  for (let k = 2; k <= degree; k += 1) {
    const next = ((2 * k - 1) * x * value - (k - 1) * before) / k
    before = value
    value = next
  }
  return { value, derivative: (degree * (x * value - before)) / (x * x - 1) }
}
