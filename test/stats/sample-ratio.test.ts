import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/cli/demo/random.ts'
import { sampleRatio } from '../../src/stats/sample-ratio.ts'

function check(strata: Parameters<typeof sampleRatio>[0]['strata'], alpha = 0.001) {
  const result = sampleRatio({ strata, alpha })
  if (!result.ok) throw new Error(result.reason)
  return result
}

describe('the sample ratio', () => {
  it('raises no alarm while the counts are what the weights give, over epochs with other weights', () => {
    expect(
      check([
        { weights: [0.95, 0.05], counts: [9_480, 520] },
        { weights: [0.5, 0.5], counts: [2_020, 1_980] },
      ]),
    ).toMatchObject({
      alarm: false,
      observed: [11_500, 2_500],
      expected: [11_500, 2_500],
    })
  })

  it('sees a mismatch that pooling over epochs would hide', () => {
    // Too few at first, too many later; the totals are exactly as expected.
    expect(
      check([
        { weights: [0.9, 0.1], counts: [9_400, 600] },
        { weights: [0.5, 0.5], counts: [600, 1_400] },
      ]),
    ).toMatchObject({ alarm: true, observed: [10_000, 2_000], expected: [10_000, 2_000] })
  })

  it('calls a unit on a version of weight zero at once', () => {
    expect(check([{ weights: [1, 0], counts: [10, 1] }]).alarm).toBe(true)
    expect(check([{ weights: [1, 0], counts: [10, 0] }]).alarm).toBe(false)
  })

  it('says nothing before anything was counted', () => {
    expect(check([{ weights: [0.5, 0.5], counts: [0, 0] }])).toMatchObject({ logEvidence: 0, alarm: false })
  })

  it('keeps its false alarms to alpha when looked at after every unit', () => {
    const alpha = 0.05
    const runs = 400
    let alarms = 0
    for (let run = 0; run < runs; run++) {
      const random = createRandom(run)
      const counts = [0, 0]
      let isAlarmed = false
      for (let unit = 0; unit < 1_000 && !isAlarmed; unit++) {
        const arm = random() < 0.1 ? 1 : 0
        counts[arm] = (counts[arm] ?? 0) + 1
        isAlarmed = check([{ weights: [0.9, 0.1], counts }], alpha).alarm
      }
      if (isAlarmed) alarms += 1
    }
    expect(alarms / runs).toBeLessThanOrEqual(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs))
  })

  it.each([
    ['weights that do not sum to one', { weights: [0.5, 0.4], counts: [1, 1] }, /sum to/],
    ['another number of counts', { weights: [0.5, 0.5], counts: [1] }, /2 weights for 1 counts/],
    ['counts that are not whole', { weights: [0.5, 0.5], counts: [1, 0.5] }, /whole/],
  ])('answers %s with a reason', (_what, stratum, reason) => {
    expect(sampleRatio({ strata: [stratum], alpha: 0.01 })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(reason),
    })
  })
})
