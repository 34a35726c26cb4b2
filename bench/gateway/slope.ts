/** The slope of the least-squares line through points; NaN where these do not make one. */
export function slopeOf(points: readonly { x: number; y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)]
  const covariance = mean(({ x, y }) => (x - meanX) * (y - meanY))
  return covariance / mean(({ x }) => (x - meanX) ** 2)
}
