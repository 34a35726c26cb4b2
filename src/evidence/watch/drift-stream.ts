/**
 * One feature of a watched version, or its predicted value: the first predictions are the reference, the later ones make
 * up windows. Time is that of the predictions, so a rebuild cuts the same windows. O(1) for each value; a window is
 * compared once, when there is time for it, and windows that are overtaken meanwhile are not.
 */
import type { FeatureType } from '../../core/features.ts'
import { limits } from '../../core/limits.ts'
import type { StreamEvidence, WindowSpan } from '../../core/monitor/evidence.ts'
import type { DriftSpec } from '../../core/monitor/spec.ts'
import type { FeatureDrift } from '../../stats/drift/binned-drift.ts'
import type { FeatureValue } from '../../stats/drift/binning.ts'
import { featureDrift } from '../../stats/drift/feature-drift.ts'
import { insufficient, type Result } from '../../stats/result.ts'
import { ownText } from '../own-text.ts'

/** What time ends has so many predictions at least: with fewer there is no comparison, or a poor reference for a long time. */
const windowRowsMin = 30
const referenceRowsMin = 100

export type StreamValue = number | string | boolean | null

/** `units` are those that have been met in it; emptied when it is complete. */
type Window = { values: StreamValue[]; units: Set<string>; fromMs: number; toMs: number }

export class DriftStream {
  readonly #name: string
  readonly #source: StreamEvidence['source']
  /** As declared; a predicted value that is read as it is may turn out to be a text. */
  readonly #declared: FeatureType
  readonly #spec: DriftSpec
  readonly #reference: Window = emptyWindow()
  #hasReference = false
  #running: Window = emptyWindow()
  #complete: Window | null = null
  #compared: { window: Window; drift: Result<FeatureDrift> } | null = null

  constructor(of: { name: string; source: StreamEvidence['source']; type: FeatureType; spec: DriftSpec }) {
    this.#name = of.name
    this.#source = of.source
    this.#declared = of.type
    this.#spec = of.spec
  }

  add(value: StreamValue, { unit, atMs }: { unit: string; atMs: number }): void {
    if (!this.#hasReference && this.#isOver(this.#reference, atMs, referenceRowsMin)) this.#endReference()
    if (!this.#hasReference) {
      this.#put(this.#reference, value, { unit, atMs })
      if (this.#reference.values.length >= this.#spec.reference) this.#endReference()
      return
    }
    if (this.#isOver(this.#running, atMs, windowRowsMin)) this.#end()
    this.#put(this.#running, value, { unit, atMs })
    if (this.#running.values.length >= this.#spec.window) this.#end()
  }

  /** Compares the newest complete window unless that is done: some milliseconds at worst. Whether it did. */
  compareNext(): boolean {
    const window = this.#complete
    if (window === null || window === this.#compared?.window) return false
    this.#compared = { window, drift: this.#compare(window) }
    return true
  }

  /** Of the window that was compared last. */
  read(): StreamEvidence {
    return {
      name: this.#name,
      source: this.#source,
      type: this.#compared === null ? this.#declared : this.#type(),
      reference: spanOf(this.#reference),
      current: this.#compared === null ? null : spanOf(this.#compared.window),
      drift: this.#compared?.drift ?? this.#notYet(),
    }
  }

  #put(window: Window, value: StreamValue, { unit, atMs }: { unit: string; atMs: number }): void {
    if (this.#spec.by === 'unit') {
      if (window.units.has(unit)) return
      window.units.add(ownText(unit))
    }
    // The earliest of them: after a clock that was put back the window would last until that has caught up.
    window.fromMs = window.values.length === 0 ? atMs : Math.min(window.fromMs, atMs)
    window.values.push(kept(value))
    window.toMs = atMs
  }

  #isOver({ values, fromMs }: Window, atMs: number, rowsMin: number): boolean {
    return values.length >= rowsMin && atMs - fromMs >= this.#spec.atMostMs
  }

  #endReference(): void {
    this.#hasReference = true
    this.#reference.units.clear()
  }

  #end(): void {
    this.#running.units.clear()
    this.#complete = this.#running
    this.#running = emptyWindow()
  }

  #notYet(): Result<FeatureDrift> {
    const { reference, window } = this.#spec
    if (!this.#hasReference)
      return insufficient(`the reference has ${this.#reference.values.length} of ${reference} predictions`)
    return insufficient(
      this.#complete === null
        ? `the first window has ${this.#running.values.length} of ${window} predictions`
        : 'the first window is complete and waits to be compared',
    )
  }

  #compare(complete: Window): Result<FeatureDrift> {
    const { alpha, toleratedPsi } = this.#spec
    const read = this.#type() === 'number' ? asNumber : asCategory
    return featureDrift({
      reference: this.#reference.values.map(read),
      current: complete.values.map(read),
      alpha,
      toleratedPsi,
    })
  }

  #type(): FeatureType {
    if (this.#source === 'feature' || this.#declared === 'category') return this.#declared
    return this.#reference.values.every(value => value === null || typeof value === 'number') ? 'number' : 'category'
  }
}

/** Texts of a model may be as long as its answers; thousands of those would fill the memory. */
function kept(value: StreamValue): StreamValue {
  return typeof value === 'string' && value.length > limits.featureTextMax
    ? ownText(value.slice(0, limits.featureTextMax))
    : value
}

function emptyWindow(): Window {
  return { values: [], units: new Set(), fromMs: 0, toMs: 0 }
}

function spanOf({ values, fromMs, toMs }: Window): WindowSpan {
  return { predictions: values.length, fromMs, toMs }
}

/** What is no number among numbers, or none that can be added up, counts as missing. */
function asNumber(value: StreamValue): FeatureValue {
  return typeof value === 'number' && Math.abs(value) <= limits.driftNumberMax ? value : null
}

function asCategory(value: StreamValue): FeatureValue {
  return value === null ? null : String(value)
}
