/** What a release will take, for people: the peak of each stage, and each gate with its requests and its time. */
import type { WireChange } from '../contract/wire/change.ts'
import { duration, percent } from '../contract/words/quantities.ts'
import { type Paint, printable } from './text.ts'

type WireForecast = NonNullable<WireChange['forecast']>
type WireGate = WireForecast['stages'][number]['gates'][number]

export function forecastText({ requestsPerSecond, capacity, stages, warnings }: WireForecast, paint: Paint): string {
  const rate =
    requestsPerSecond === null
      ? 'traffic not known yet'
      : `${Number(requestsPerSecond.toPrecision(2))} requests a second`
  const room = capacity === null ? '' : ` of ${capacity}`
  const lines = stages.flatMap(({ kind, peakInstances, gates }) => [
    `    ${kind}: at most ${peakInstances}${room} instances at once`,
    ...gates.map(gate => `      step ${gate.step + 1} at ${percent(gate.weightPpm)}: ${gateText(gate)}`),
  ])
  const warned = warnings.map(text => `  ${paint('yellow', printable(`! ${text}`))}`)
  return [`  forecast, ${rate}`, ...lines, ...warned].map(line => `${line}\n`).join('')
}

function gateText({ requests, expectedMs, ceilingMs }: WireGate): string {
  const time = expectedMs === null ? 'time not known' : `about ${duration(expectedMs)}`
  const ceiling = ceilingMs === null ? '' : `, holds after ${duration(ceilingMs)}`
  return `${requests} requests, ${time}${ceiling}`
}
