/** The prediction log's tables and the way between rows and the domain's records. Used inside the store's thread. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { Label, Outcome, Prediction } from '../../core/prediction.ts'
import type { Migration } from '../sqlite/database.ts'

export const migrations: readonly Migration[] = [
  database =>
    database.exec(`
      CREATE TABLE predictions (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        endpoint TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        release TEXT,
        unit TEXT NOT NULL,
        assigned TEXT NOT NULL,
        version TEXT NOT NULL,
        propensity REAL NOT NULL,
        pinned INTEGER NOT NULL,
        at_ms REAL NOT NULL,
        latency_ms REAL NOT NULL,
        status INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        answer TEXT,
        request BLOB,
        response BLOB
      ) STRICT;
      CREATE INDEX predictions_by_endpoint ON predictions (endpoint, epoch);
      CREATE TABLE outcomes (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        prediction TEXT NOT NULL,
        row INTEGER NOT NULL,
        label TEXT,
        reward REAL,
        metrics TEXT NOT NULL,
        at_ms REAL NOT NULL
      ) STRICT;
      CREATE INDEX outcomes_by_prediction ON outcomes (prediction, row);
    `),
]

export type Row = Record<string, SQLOutputValue>

export function statements(database: DatabaseSync) {
  return {
    insertPrediction: database.prepare(
      'INSERT INTO predictions (id, endpoint, epoch, release, unit, assigned, version, propensity, pinned, at_ms, latency_ms, status, failed, answer, request, response) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    ),
    insertOutcome: database.prepare(
      'INSERT INTO outcomes (id, prediction, row, label, reward, metrics, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    ),
    prediction: database.prepare('SELECT * FROM predictions WHERE id = ?'),
    outcomesOf: database.prepare('SELECT * FROM outcomes WHERE prediction = ? ORDER BY seq'),
    pruneOrphans: database.prepare(
      'DELETE FROM outcomes WHERE at_ms < ? AND NOT EXISTS (SELECT 1 FROM predictions WHERE predictions.id = outcomes.prediction)',
    ),
    find: database.prepare(
      'SELECT * FROM predictions WHERE id = coalesce(?, id) AND endpoint = coalesce(?, endpoint) AND version = coalesce(?, version) ORDER BY seq DESC LIMIT ?',
    ),
    replayPredictions: database.prepare(
      'SELECT * FROM predictions WHERE endpoint = ? AND epoch >= ? AND seq > ? ORDER BY seq LIMIT ?',
    ),
    replayOutcomes: database.prepare(
      'SELECT outcomes.* FROM outcomes JOIN predictions ON predictions.id = outcomes.prediction WHERE predictions.endpoint = ? AND predictions.epoch >= ? AND outcomes.seq > ? ORDER BY outcomes.seq LIMIT ?',
    ),
  }
}

export function predictionValues(one: Prediction): SQLInputValue[] {
  const flags = { pinned: Number(one.pinned), failed: Number(one.failed) }
  const answer = one.answer === null ? null : JSON.stringify(one.answer)
  const { payload } = one
  return [
    one.id,
    one.endpoint,
    one.epoch,
    one.release,
    one.unit,
    one.assigned,
    one.version,
    one.propensity,
    flags.pinned,
    one.atMs,
    one.latencyMs,
    one.status,
    flags.failed,
    answer,
    payload?.request ?? null,
    payload?.response ?? null,
  ]
}

export function outcomeValues(one: Outcome): SQLInputValue[] {
  return [
    one.id,
    one.prediction,
    one.row,
    one.label === null ? null : JSON.stringify(one.label),
    one.reward,
    JSON.stringify(one.metrics),
    one.atMs,
  ]
}

export function toPrediction(row: Row): Prediction {
  const request = row['request']
  const response = row['response']
  return {
    id: String(row['id']),
    endpoint: String(row['endpoint']),
    epoch: Number(row['epoch']),
    release: row['release'] === null ? null : String(row['release']),
    unit: String(row['unit']),
    assigned: String(row['assigned']),
    version: String(row['version']),
    propensity: Number(row['propensity']),
    pinned: row['pinned'] === 1,
    atMs: Number(row['at_ms']),
    latencyMs: Number(row['latency_ms']),
    status: Number(row['status']),
    failed: row['failed'] === 1,
    answer: row['answer'] === null ? null : (JSON.parse(String(row['answer'])) as Label[]),
    payload: request instanceof Uint8Array && response instanceof Uint8Array ? { request, response } : null,
  }
}

export function toOutcome(row: Row): Outcome {
  return {
    id: String(row['id']),
    prediction: String(row['prediction']),
    row: Number(row['row']),
    label: row['label'] === null ? null : (JSON.parse(String(row['label'])) as Label),
    reward: row['reward'] === null ? null : Number(row['reward']),
    metrics: JSON.parse(String(row['metrics'])) as Record<string, number>,
    atMs: Number(row['at_ms']),
  }
}
