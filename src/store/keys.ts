// API keys: shown once, kept as SHA-256, each of one project and one role. A key of 256 random bits needs no slow hash.
import { createHash, timingSafeEqual } from 'node:crypto'
import { BumpError } from '../util/errors.ts'
import { audited } from './audit.ts'
import { batched } from './batched.ts'
import { randomLetters } from './ids.ts'
import { type Store, writing } from './open.ts'
import { projectOf } from './project-row.ts'
import type { StoreTables } from './schema.ts'
import { type Scope, wholeProject } from './scope.ts'
import { idProblem } from './text-input.ts'

/** What a key may do. `root` makes projects and their first keys, and sees no data of them. */
export const ROLES = ['ingest', 'read', 'write', 'admin', 'root'] as const
export type Role = (typeof ROLES)[number]

/** Roles that include a role, besides itself. */
const ABOVE: Record<Role, readonly Role[]> = {
  ingest: ['write', 'admin'],
  read: ['write', 'admin'],
  write: ['admin'],
  admin: [],
  root: [],
}

/** Whether a key of a role may do what another role may. */
export const mayAs = (role: Role, needed: Role): boolean => role === needed || ABOVE[needed].includes(role)

export interface KeyInfo {
  id: string
  /** undefined of a root key. */
  project: string | undefined
  role: Role
  /** The one user whom the key may name. */
  user: string | undefined
  createdAt: number
  expiresAt: number | undefined
  revokedAt: number | undefined
  /** To the minute. */
  lastUsedAt: number | undefined
}

export interface NewKey {
  role: Role
  user?: string
  /** Milliseconds since 1970. */
  expiresAt?: number
}

const ID_LETTERS = 10
const SECRET_LETTERS = 43
const FORM = new RegExp(`^bump_([0-9A-Za-z]{${ID_LETTERS}})_[0-9A-Za-z]{${SECRET_LETTERS}}$`)
/** A key's use is written down this often, in milliseconds. */
const USE_EVERY = 60_000

const digest = (key: string): Buffer => createHash('sha256').update(key).digest()

/**
 * Makes a key of the scope's project and returns it in full, the only time. Throws BumpError: `not-found` without such
 * a project, `invalid-options` for a role or user that cannot be.
 */
export async function createKey(
  store: Store,
  scope: Scope,
  { role, user, expiresAt }: NewKey,
): Promise<{ key: string; info: KeyInfo }> {
  wholeProject(scope)
  if (role === 'root') throw new BumpError('invalid-options', 'role: a root key is of no project')
  if (user !== undefined && idProblem(user) !== undefined)
    throw new BumpError('invalid-options', `user: the id ${idProblem(user)}`)
  if (user !== undefined && role === 'admin')
    throw new BumpError(
      'invalid-options',
      'role: an admin key is of the whole project, so it cannot be bound to a user',
    )
  return await writing(store, async (tx) => {
    await projectOf(tx, scope.project)
    const { key, row } = newKey({ project: scope.project, role, user: user ?? null, expires_at: expiresAt ?? null })
    await tx.insertInto('api_key').values(row).execute()
    await audited(tx, scope, 'key.created', { key: row.id, role }, user)
    return { key, info: infoOf(row) }
  })
}

/** Makes a key that makes projects. It is made on the machine of the store only. */
export async function createRootKey({ db }: Store): Promise<string> {
  const { key, row } = newKey({ project: null, role: 'root', user: null, expires_at: null })
  await db.insertInto('api_key').values(row).execute()
  return key
}

function newKey(of: Pick<StoreTables['api_key'], 'project' | 'role' | 'user' | 'expires_at'>): {
  key: string
  row: StoreTables['api_key']
} {
  const id = randomLetters(ID_LETTERS)
  const key = `bump_${id}_${randomLetters(SECRET_LETTERS)}`
  const hash = digest(key).toString('hex')
  return { key, row: { id, ...of, hash, created_at: Date.now(), revoked_at: null, last_used_at: null } }
}

/** Stands in the place of the hash where there is no such key, so that the answer takes as long. */
const NO_HASH = digest('no key').toString('hex')

const keyRow = batched(async ({ db }, ids: readonly string[]) => {
  const query = db.selectFrom('api_key').selectAll()
  const rows = await query.where('id', 'in', [...new Set(ids)]).execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.map((id) => byId.get(id))
})

/** Who holds a key; undefined for none, for one that is revoked, and for one that has expired. */
export async function checkKey(store: Store, key: string): Promise<KeyInfo | undefined> {
  const id = FORM.exec(key)?.[1] ?? ''
  const row = await keyRow(store, id)
  const same = timingSafeEqual(Buffer.from(row?.hash ?? NO_HASH, 'hex'), digest(key))
  const now = Date.now()
  if (row === undefined || !same || row.revoked_at !== null || (row.expires_at ?? now) < now) return undefined
  if (now - (row.last_used_at ?? 0) > USE_EVERY) {
    // The requests that share the row see it.
    row.last_used_at = now
    await store.db.updateTable('api_key').set({ last_used_at: now }).where('id', '=', id).execute()
  }
  return infoOf(row)
}

/** The keys of a project, without what they are made of. */
export async function listKeys({ db }: Store, scope: Scope): Promise<KeyInfo[]> {
  wholeProject(scope)
  const rows = await db
    .selectFrom('api_key')
    .selectAll()
    .where('project', '=', scope.project)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(infoOf)
}

/** Ends a key at once. Throws BumpError (`not-found`) where the project has no such key. */
export async function revokeKey(store: Store, scope: Scope, id: string): Promise<void> {
  wholeProject(scope)
  await writing(store, async (tx) => {
    const found = await tx
      .updateTable('api_key')
      .set({ revoked_at: Date.now() })
      .where('project', '=', scope.project)
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst()
    if (found.numUpdatedRows === 0n) throw new BumpError('not-found', 'there is no such key')
    await audited(tx, scope, 'key.revoked', { key: id })
  })
}

const infoOf = (row: StoreTables['api_key']): KeyInfo => ({
  id: row.id,
  project: row.project ?? undefined,
  role: row.role as Role,
  user: row.user ?? undefined,
  createdAt: row.created_at,
  expiresAt: row.expires_at ?? undefined,
  revokedAt: row.revoked_at ?? undefined,
  lastUsedAt: row.last_used_at ?? undefined,
})
