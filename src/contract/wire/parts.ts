/**
 * What the control API says, as schemas, a file for each thing it tells of: the OpenAPI document, the CLI and the dashboard
 * rest on them. Domain types are never sent as they are; `api/` turns them into these shapes. Here is what all of them are
 * made of: times are ISO 8601 in UTC, weights parts per million.
 */
import { z } from 'zod'
import { allowedMark } from '../resource-rules.ts'

const notTime = `is not a time with its zone${allowedMark}2026-11-29T12:00:00Z, 2026-11-29T13:00:00+01:00`

/** Of a question: any zone will do. */
export const timeAsked = z.iso.datetime({ offset: true, error: notTime })

export const time = z.iso.datetime().meta({ description: 'ISO 8601, UTC.' })
export const ppm = z.int().min(0).max(1_000_000).meta({ description: 'Parts per million.' })
export const names = z.array(z.string())
