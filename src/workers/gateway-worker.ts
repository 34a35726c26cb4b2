/** The composition root of one gateway worker: a gateway of its own, whose fleets, log and table belong to the main thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { createKeyring } from '../adapters/access/keyring.ts'
import { nodeSecrets } from '../adapters/access/node-secrets.ts'
import { systemClock } from '../adapters/clock/system.ts'
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { BorrowedFleets } from '../adapters/deployer/threads/borrowed-fleets.ts'
import { LatencyHistograms } from '../adapters/metrics/latency-histograms.ts'
import { TokenMetrics } from '../adapters/metrics/token-metrics.ts'
import { canSharePorts } from '../adapters/port-sharing.ts'
import { createRecorder, recorderQueueBytesMax } from '../adapters/recorder/recorder.ts'
import { createServerLog } from '../adapters/server-log/server-log.ts'
import { watchListener } from '../adapters/tls/listener-certificates.ts'
import { openSpans } from '../adapters/tracing/open-spans.ts'
import { assertNever } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { sharedKeys, someOf, wholeShare } from '../core/share.ts'
import { createGateway } from '../gateway/gateway.ts'
import type { Closing } from '../gateway/listener.ts'
import { CallsToMain } from './calls-to-main.ts'
import type { Address, Asked, AskResult, Common, FromWorker, ToWorker, WorkerPlan } from './messages.ts'
import { plainError } from './plain-error.ts'

if (parentPort !== null) start(parentPort, workerData as WorkerPlan)

function start(port: MessagePort, plan: WorkerPlan): void {
  const { share, version } = plan
  const tell = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
  const logger = createServerLog({ level: plan.logLevel, base: { worker: share.index } })
  const clock = systemClock
  const { listener } = plan
  let common: Common = plan.common
  let keysShare = share

  const calls = new CallsToMain((id, call, transfer) => tell({ kind: 'call', id, call }, transfer))
  const fleets = new BorrowedFleets({
    ...{ clock: uptimeClock, share, isElsewhere: plan.isGuest },
    tell: told => tell({ kind: 'fleets', told }),
  })
  const recorder = createRecorder({
    log: calls,
    clock,
    onCommitted: () => {},
    onDropped: ({ count, cause, error }) => logger.error({ err: error, count, cause }, 'predictions were lost'),
    flushMs: limits.recorderFlushMs,
    batchMax: limits.recorderBatchMax,
    queueMax: someOf(limits.recorderQueueMax, share),
    queueBytesMax: someOf(recorderQueueBytesMax, share),
  })
  const latencies = new LatencyHistograms()
  const tokens = new TokenMetrics()
  const versions = new Map<string, readonly string[]>()
  const isThere = (endpoint: string, version: string) => versions.get(endpoint)?.includes(version) === true
  const keyring = createKeyring({ secrets: nodeSecrets, clock, fixed: [] })
  // The main thread tells what becomes of the files.
  const certificates = listener.tls === null ? null : watchListener(listener.tls, { clock, tell: () => {} })
  const spans = openSpans(plan.tracing, {
    ...{ version, clock },
    secretOf: ({ env }) => process.env[env] || null,
    complain: (what, cause) => logger.error({ err: cause }, what),
  })
  const gateway = createGateway({
    ...{ fleets, recorder, clock, uptime: uptimeClock, version, logger, share },
    // One worker alone serves gRPC.
    grpcShare: wholeShare,
    isReady: () => common.isReady,
    access: listener.auth === 'required' ? keyring : undefined,
    certificates: certificates ?? undefined,
    connectionsMax: listener.connectionsMax,
    cors: listener.cors ?? undefined,
    ...(spans !== null && { tracing: spans.tracing }),
    onRemembered: remembered => tell({ kind: 'remembered', remembered: [remembered] }),
    recall: asked => calls.recall(asked, uptimeClock),
    observe: sample => {
      latencies.observe(sample.endpoint, sample.version, sample.latencyMs)
      tokens.observe(sample)
    },
  })

  gateway.learn(plan.remembered)

  const take = (change: Partial<Common>): void => {
    common = { ...common, ...change }
    if (change.keys !== undefined) keyring.sync(sharedKeys(change.keys, keysShare))
    if (change.flags !== undefined) gateway.applyFlags(change.flags)
  }
  take(common)

  const count = async (): Promise<void> => {
    latencies.keep(isThere)
    await tokens.keep(isThere)
    const counts = {
      gateway: gateway.stats(),
      recorder: recorder.stats(),
      latencies: latencies.read(),
      tokens: await tokens.read(),
      keys: keyring.counts(),
    }
    tell({ kind: 'counts', counts })
  }
  const stopCounting = clock.every(limits.workerCountsMs, () => void count())

  const close = async (closing: Closing): Promise<void> => {
    await gateway.close(closing)
    await recorder.close()
    await spans?.close()
    stopCounting()
    await count()
    fleets.close()
    certificates?.close()
  }

  const carryOut = async (ask: Asked): Promise<Address | undefined> => {
    switch (ask.kind) {
      case 'apply':
        gateway.apply(ask.route)
        versions.set(ask.route.spec.name, Object.keys(ask.route.spec.versions))
        return undefined
      case 'count':
        await count()
        return undefined
      case 'listen':
        // One alone needs nobody's leave: without it `workers: 1` would run on no other system.
        return gateway.listen({ ...ask.address, reusePort: canSharePorts || share.of > 1 })
      case 'listen-grpc':
        return gateway.listenGrpc(ask.address)
      case 'close':
        await close(ask)
        return undefined
      default:
        return assertNever(ask)
    }
  }

  const answer = (id: number, ask: Asked): void => {
    const done = (result: AskResult): void => tell({ kind: 'done', id, result })
    carryOut(ask).then(
      address => done({ ok: true, ...(address !== undefined && { address }) }),
      (error: unknown) => done({ ok: false, error: plainError(error) }),
    )
  }

  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'ask':
        answer(message.id, message.ask)
        return
      case 'remove':
        gateway.remove(message.endpoint)
        versions.delete(message.endpoint)
        return
      case 'share':
        keysShare = message.share
        take({ keys: common.keys })
        return
      case 'common':
        take(message.change)
        return
      case 'remembered':
        gateway.learn(message.remembered)
        return
      case 'fleets':
        fleets.hear(message.news)
        return
      case 'replied':
        calls.replied(message.id, message.reply)
        return
      default:
        assertNever(message)
    }
  })

  // A fault that nobody foresaw: its callers are cut, what they were answered is still handed over.
  process.once('uncaughtException', (error: unknown) => {
    logger.fatal({ err: error }, 'a gateway worker failed')
    tell({ kind: 'failing', detail: error instanceof Error ? error.message : String(error) })
    setTimeout(() => process.exit(1), limits.workerLastWordsMs)
    close({ drainMs: 0 }).finally(() => process.exit(1))
  })
}
