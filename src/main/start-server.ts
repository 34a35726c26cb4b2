/** The composition root: every part is made here, handed its ports here, and ended here in reverse order. */
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { createExpressions } from '../adapters/expressions/cel.ts'
import { createRegistries } from '../adapters/registries/registries.ts'
import { headersOf } from '../adapters/tracing/open-spans.ts'
import type { ServerSettings } from '../config/load.ts'
import type { Controller } from '../controller/controller.ts'
import { createRegistrar, type Registrar } from '../controller/registrar.ts'
import { startRetention } from '../controller/retention.ts'
import { limits } from '../core/limits.ts'
import { tellMonitored } from '../core/monitor/monitoring.ts'
import { assertPortFree } from '../workers/port-probe.ts'
import { openControlListener } from './control-listener.ts'
import { type DataPlane, openDataPlane } from './data-plane.ts'
import { type Ending, endAll } from './endings.ts'
import { createEvidenceBooks } from './evidence-books.ts'
import { type Ground, openGround } from './ground.ts'
import { type HeldStores, holdStores } from './held-stores.ts'
import { openToOthers } from './peers.ts'
import { readEvidence } from './read-evidence.ts'
import { applyResources, fleetsSettled, readResources } from './start-up.ts'
import { createSteering } from './steering.ts'
import type { Stores } from './stores.ts'
import { version } from './version.ts'

export type Address = { host: string; port: number; secure: boolean }

export type RunningServer = {
  inference: Address
  control: Address
  /** Null where none was asked for. */
  grpc: { host: string; port: number } | null
  /** Where the key is that the server made for itself; null where none is asked for. */
  keyFile: string | null
  /** Resolves where another server has taken over the database: this one should end. */
  takenOver: Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a server on its data folder; rejects with a `CutoverError` and leaves nothing running if it cannot. Where another
 * server has the database it waits, and serves beside that one, until it follows it or is told to end (`ToldToEnd`).
 */
export async function startServer(
  settings: ServerSettings,
  toldToEnd: () => Promise<void> = () => new Promise(() => {}),
): Promise<RunningServer> {
  const endings: Ending[] = []
  const stop = (): Promise<void> => endAll(endings)
  try {
    return { ...(await compose(settings, { endings, toldToEnd })), stop }
  } catch (error) {
    // Why it could not start matters more than what went wrong after that.
    await stop().catch(() => {})
    throw error
  }
}

async function compose(
  settings: ServerSettings,
  { endings, toldToEnd }: { endings: Ending[]; toldToEnd: () => Promise<void> },
): Promise<Omit<RunningServer, 'stop'>> {
  const ground = openGround(settings, endings)
  const { logger, entrances } = ground
  // Whoever stands by would find out once it takes over, and there were nobody.
  if (settings.tracing !== null) headersOf(settings.tracing, ground.secretOf)
  const file =
    settings.resources === null ? null : { path: settings.resources, read: await readResources(settings.resources) }
  const held = await holdStores(ground, toldToEnd)
  const { stores, standby, takenOver } = held
  const { predictions } = stores

  const expressions = createExpressions()
  const books = createEvidenceBooks({ predictions, expressions, state: () => control.state() })
  const { feed } = books
  let isServing = false
  let controller: Controller | null = null
  const plane = openDataPlane(ground, {
    predictions,
    onCommitted: batch => feed.add(batch),
    probe: standby === null ? assertPortFree : async () => {},
    isServing: () => isServing,
    report: fleet => controller?.report(fleet),
    read: () => ({
      state: control.state(),
      registries: registrar.status(),
      isEvidenceWhole: endpoint => feed.isWhole(endpoint),
    }),
  })
  if (stores.guests?.had === true) plane.pool?.expectStrays()
  const steering = createSteering(ground, { stores, books, expressions, plane })
  const { control } = steering
  controller = control
  const reading = readEvidence(feed, { state: control.state, logger, uptime: uptimeClock })
  endings.push(() => reading.close())
  start(ground, control, predictions)
  const registrar = startRegistrar(ground, control)
  const controlAddress = await openControlListener(ground, {
    ...{ stores, steering, expressions, metrics: plane.metrics },
    isServing: () => isServing,
  })
  if (file !== null) await applyFile(ground, control, { ...file, isOld: standby !== null })

  await fleetsSettled(control, plane.deployer, logger)
  await reading.soon
  const { inference, grpc } = await letCallersIn(ground, plane, held)
  isServing = true
  plane.pool?.tellAll({ isReady: true })
  const told = { inference, control: controlAddress, grpc }
  endings.push(await openToOthers({ stores, pool: plane.pool, settings, told, version, logger }))
  logger.info(
    { inference, control: controlAddress, ...(grpc !== null && { grpc }), data: ground.folder.path },
    'serving',
  )
  return { ...told, keyFile: entrances.keyFile, takenOver }
}

/** From now on releases go on, what is watched is told of, and old predictions go. */
function start(
  { settings: { keepPredictionsMs: keepMs }, logger, complain, clock, endings }: Ground,
  control: Controller,
  log: Stores['predictions'],
): void {
  const stopTelling = control.subscribe(({ event }) => {
    if (event.type !== 'monitored') return
    const { endpoint, report } = event
    logger[report.status === 'ok' ? 'info' : 'warn']({ endpoint, report }, tellMonitored(event))
  })
  endings.push(stopTelling)
  control.start()
  endings.push(() => control.stop())
  if (keepMs === null) return
  const retention = startRetention({
    ...{ control, log, clock, uptime: uptimeClock, keepMs, complain },
    onTrimmed: count => logger.info({ count }, 'predictions that were old enough were let go'),
  })
  endings.push(() => retention.close())
}

function startRegistrar({ logger, clock, folder, secretOf, endings }: Ground, control: Controller): Registrar {
  const registrar = createRegistrar({
    control,
    registries: createRegistries({ clock, folder: folder.file('models'), secretOf }),
    uptime: uptimeClock,
    onTrouble: (where, problem) =>
      problem === null
        ? logger.info(where, 'a model registry is in order again')
        : logger.warn({ ...where, problem }, 'a model registry has trouble'),
  })
  endings.push(() => registrar.close())
  return registrar
}

/** Read long ago it is read again: one that changed while this server stood by, and is wrong by now, keeps it from nothing. */
async function applyFile(
  { logger, complain }: Ground,
  control: Controller,
  { path, read, isOld }: { path: string; read: Awaited<ReturnType<typeof readResources>>; isOld: boolean },
): Promise<void> {
  const goesOn = 'the server goes on with what its log says'
  const readAgain = () =>
    readResources(path).catch((error: unknown) => {
      complain(`${path} is not what it was when this server began to stand by; ${goesOn}`, error)
      return []
    })
  const onRefused = (document: string, reason: string): void =>
    logger.error({ reason }, `${document} of ${path} was refused; ${goesOn}`)
  await applyResources(control, isOld ? await readAgain() : read, { file: path, onRefused })
}

/** Where a server stood by before, callers who wait there are handed to the gateway, and what its own gateways have left is taken. */
async function letCallersIn(
  { settings, endings }: Ground,
  { gateway, pool }: DataPlane,
  { standby }: Pick<HeldStores, 'standby'>,
): Promise<Pick<RunningServer, 'inference' | 'grpc'>> {
  standby?.bequeath(remembered => pool?.learn(remembered))
  const listen = () => gateway.listen(settings.inference)
  const { host, port } = await (standby?.handOver('inference', listen) ?? listen())
  endings.push(() => gateway.close({ drainMs: limits.shutdownTimeoutMs }))
  if (pool !== null) standby?.giveOver(asked => pool.call(asked))
  const { grpc: address } = settings
  const listenGrpc = address === null ? null : () => gateway.listenGrpc(address)
  const grpc = listenGrpc === null ? null : await (standby?.handOver('grpc', listenGrpc) ?? listenGrpc())
  return { inference: { host, port, secure: settings.inference.tls !== null }, grpc }
}
