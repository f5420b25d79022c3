// The tables of the store, alike on SQLite and Postgres: text ids, integers of milliseconds, JSON as text, flags as 0
// and 1. Kysely checks queries against these types; migrations/ makes the tables.

/** A tenant. Every other table but `api_key` names one in each row. */
interface ProjectTable {
  id: string
  name: string
  /** JSON of what differs from the defaults (settings.ts). */
  settings: string
  /** Of the HMACs that stand in the place of ids that were deleted. */
  secret: string
  created_at: number
}

interface ApiKeyTable {
  id: string
  /** null: a root key, which makes projects and does nothing else. */
  project: string | null
  /** SHA-256 of the whole key, hexadecimal. */
  hash: string
  role: string
  /** The one user whom the key may name. */
  user: string | null
  created_at: number
  expires_at: number | null
  revoked_at: number | null
  last_used_at: number | null
}

/** A user, with the work that is to be done for them: the queue is columns of this row. */
export interface PersonTable {
  project: string
  user: string
  /** on, off or frozen (scope.ts: PROFILING). */
  profiling: string
  first_at: number | null
  last_at: number | null
  /** Interactions, and those of them that are not excluded. */
  stored: number
  n: number
  /** Since the last refresh: interactions, their characters, and when the first of them came. */
  new_n: number
  new_characters: number
  new_since: number | null
  /** Counts up with every change of what profiles are written from; a refresh that saw an older one leaves work due. */
  seq: number
  /** Counts up with every change of what is served. */
  revision: number
  /** Highest version given so far: numbers are never given again. */
  last_version: number
  published_version: number | null
  refreshed_at: number | null
  due_at: number | null
  /** Why (DueReason of due.ts). */
  due_reason: string | null
  leased_until: number | null
  lease: string | null
  attempts: number
  last_error: string | null
  /** Versions rejected one after the other. */
  rejections: number
}

export interface InteractionTable {
  project: string
  user: string
  id: string
  at: number
  /** The user's `seq` when it came. */
  seq: number
  text: string
  /** JSON, or null where there is none. */
  metadata: string | null
  excluded: number
}

export interface ProfileTable {
  project: string
  user: string
  version: number
  /** null where it was erased: it was written from something deleted. */
  text: string | null
  /** generated, manual or restored. */
  origin: string
  /** published, rejected, unscored or withdrawn; of several published ones `published_version` is served. */
  status: string
  /** Digest of the generator; null of a manual version. */
  writer: string | null
  /** The user's `seq` that was seen, and the time of the latest interaction. */
  through_seq: number
  through_at: number | null
  /** JSON: scores by interactions that came later. */
  scores: string | null
  /** JSON: the verdict before publishing. */
  gate: string | null
  created_at: number
}

/** Which interactions a version was written from, or judged by. */
interface ProfileSourceTable {
  project: string
  user: string
  version: number
  interaction: string
  /** 1: hidden from the writer, for the gate. */
  held_out: number
}

export interface CorrectionTable {
  project: string
  user: string
  id: string
  /** state, deny or exclude. */
  kind: string
  text: string | null
  /** JSON: ids of the interactions that `exclude` names. */
  target: string | null
  by: string
  created_at: number
  retracted_at: number | null
}

/** What was deleted and must not come back with a late or repeated event. */
interface TombstoneTable {
  project: string
  key_hmac: string
  at: number
}

interface AuditTable {
  project: string
  /** Sorts by time. */
  id: string
  at: number
  actor: string
  action: string
  /** HMAC of the user; null where it is about nobody. */
  subject_hmac: string | null
  /** JSON of numbers and words, never of texts or ids of users. */
  details: string
}

interface IdempotencyTable {
  project: string
  key: string
  /** Of the request. */
  digest: string
  response: string
  expires_at: number
}

/** The processes that write profiles. */
interface WorkerTable {
  id: string
  seen_at: number
  /** Digest of the generator. */
  writer: string
}

export interface StoreTables {
  worker: WorkerTable
  project: ProjectTable
  api_key: ApiKeyTable
  person: PersonTable
  interaction: InteractionTable
  profile: ProfileTable
  profile_source: ProfileSourceTable
  correction: CorrectionTable
  tombstone: TombstoneTable
  audit: AuditTable
  idempotency: IdempotencyTable
}

/** Tables whose every query must name a project. */
export const TENANT_TABLES: ReadonlySet<string> = new Set<keyof StoreTables>([
  'person',
  'interaction',
  'profile',
  'profile_source',
  'correction',
  'tombstone',
  'audit',
  'idempotency',
])
