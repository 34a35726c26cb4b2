/** The stores, once this server has them to itself; until then it stands by. */
import type { Ground } from './ground.ts'
import { type Standby, standBy } from './standby.ts'
import { openStores, type Stores } from './stores.ts'
import { version } from './version.ts'

export type HeldStores = {
  stores: Stores
  /** What this server did until it followed another one; null where there was none to wait for. */
  standby: Standby | null
  /** Resolves where another server has taken over the database. */
  takenOver: Promise<void>
}

/** Rejects with `store-failed`, or `ToldToEnd` where this server is told to end while it waits. */
export async function holdStores(
  { settings, logger, complain, clock, folder, entrances, endings }: Ground,
  toldToEnd: () => Promise<void>,
): Promise<HeldStores> {
  const takenOver = Promise.withResolvers<void>()
  let standby: Standby | null = null as Standby | null
  const stores = await openStores(
    {
      ...{ folder, clock, database: settings.database },
      onPacking: rows =>
        logger.info(
          { rows },
          'predictions of an earlier version are packed, once: the server starts when that is done',
        ),
      onLost: error =>
        complain(
          'the thread of the prediction log has ended and is started again; what it was writing may be in no evidence before the next start',
          error,
        ),
      onUnread: data =>
        logger.warn(
          { data },
          'the data folder has a log of its own, which is not read; `cutover move` takes it into a new database',
        ),
      onWaiting: async holder => {
        logger.info({ holder }, 'another server serves from this database; this one stands by')
        standby = await standBy({
          ...{ settings, holder, version, logger, toldToEnd: toldToEnd() },
          certificates: entrances.certificates('control'),
        })
        endings.push(standby.close)
        return standby
      },
      onTakenOver: takenOver.resolve,
    },
    endings,
  )
  if (standby !== null) logger.info('the server that served is gone; this one takes over')
  return { stores, standby, takenOver: takenOver.promise }
}
