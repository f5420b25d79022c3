// Reads of the same kind that many requests ask for at once are one query: a round trip costs a server more than its rows.
import DataLoader from 'dataloader'
import type { Store } from './open.ts'

/** What one query reads at most. */
const MOST = 100

/**
 * A read of one thing, which reads together what was asked for in one turn of the event loop. Nothing is kept: each
 * answer is read after it was asked for. `read`: a value for each key, in their order.
 */
export function batched<K, V>(
  read: (store: Store, keys: readonly K[]) => Promise<readonly V[]>,
): (store: Store, key: K) => Promise<V> {
  const loaders = new WeakMap<Store, DataLoader<K, V>>()
  return (store, key) => {
    let loader = loaders.get(store)
    if (loader === undefined) {
      const options = { cache: false, maxBatchSize: MOST, batchScheduleFn: setImmediate }
      loader = new DataLoader((keys) => read(store, keys), options)
      loaders.set(store, loader)
    }
    return loader.load(key)
  }
}
