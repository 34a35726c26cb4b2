/** A function value with its derivative. */
export type Slope = { readonly value: number; readonly slope: number }

/** Bisection alone needs about 1075 halvings to exhaust a double; Newton's method about ten steps. */
const MAX_STEPS = 1100

/**
 * The root of a decreasing function between `low`, where it is positive (or infinite), and `high`, where it is
 * negative: Newton's method, falling back to halving the bracket whenever a step would leave it or is not finite. An
 * exact derivative makes it fast, a wrong one only slow. It begins at `near`, where that is between them. Accurate to 1e-14
 * relative to the root.
 */
export function rootOfDecreasing(
  evaluate: (x: number) => Slope,
  low: number,
  high: number,
  near = (low + high) / 2,
): number {
  let left = low
  let right = high
  let x = near > low && near < high ? near : (low + high) / 2
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { value, slope } = evaluate(x)
    if (value === 0) return x
    if (value > 0) left = x
    else right = x
    const newton = x - value / slope
    const next = newton > left && newton < right ? newton : (left + right) / 2
    if (Math.abs(next - x) <= 1e-14 * Math.abs(next) + 1e-300 || next === left || next === right) return next
    x = next
  }
  return x
}
