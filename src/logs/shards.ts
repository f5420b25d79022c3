// Shards: parts of the users that several machines work on, each without knowing of the others. Who is in which follows
// from the user's id alone.

/** One of `of` shards, counted from 1. */
export interface Shard {
  index: number
  of: number
}

/** The shard that holds every user. */
export const WHOLE: Shard = { index: 1, of: 1 }

/** SQL of whether a user is in the shard, by the first 32 bits of the MD5 of the id. `id`: SQL of the id. */
export const inShard = (id: string, { index, of }: Shard): string =>
  of === 1 ? 'true' : `CAST('0x' || substr(md5(${id}), 1, 8) AS BIGINT) % ${of} = ${index - 1}`
