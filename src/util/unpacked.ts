// How large an unpacked file may become. Text packs to a tenth, machines' logs to a fiftieth; what grows far beyond that
// was made to fill memory or disk.
const LEAST_BYTES = 64 * 2 ** 20
const MOST_TIMES = 200

/** Bytes that a file of `packed` bytes may unpack to. */
export function unpackedLimit(packed: number): number {
  return Math.max(LEAST_BYTES, packed * MOST_TIMES)
}
