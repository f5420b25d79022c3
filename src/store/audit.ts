// Who did what, to whom: rows of words and numbers, never of texts. Users stand there as HMACs, so the audit may
// outlive a user who was deleted.
import { hmacOf, timedId } from './ids.ts'
import type { Queries, Store } from './open.ts'
import { projectOf } from './project-row.ts'
import { type Scope, wholeProject } from './scope.ts'

export type AuditAction =
  | 'key.created'
  | 'key.revoked'
  | 'project.settings'
  | 'profiling.changed'
  | 'interactions.excluded'
  | 'interactions.included'
  | 'interactions.forgotten'
  | 'interactions.replaced'
  | 'user.deleted'
  | 'user.exported'
  | 'profile.written'
  | 'profile.imported'
  | 'profile.restored'
  | 'profile.rolled-back'
  | 'correction.made'
  | 'correction.retracted'
  | 'writer.compared'

export interface AuditEntry {
  id: string
  at: number
  actor: string
  action: string
  /** Numbers and words of the action. */
  details: Record<string, unknown>
}

/** Notes an action in the transaction that does it. `user`: whom it is about. */
export async function audited(
  tx: Queries,
  scope: Scope,
  action: AuditAction,
  details: Record<string, number | string | boolean> = {},
  user?: string,
): Promise<void> {
  const { secret } = await projectOf(tx, scope.project)
  const at = Date.now()
  await tx
    .insertInto('audit')
    .values({
      project: scope.project,
      id: timedId(at),
      at,
      actor: scope.actor,
      action,
      subject_hmac: user === undefined ? null : hmacOf(secret, user),
      details: JSON.stringify(details),
    })
    .execute()
}

/** A page of the audit, newest first; with `user` about that one. `cursor`: the `nextCursor` of the page before. */
export async function readAudit(
  { db }: Store,
  scope: Scope,
  { limit, cursor, user }: { limit: number; cursor?: string; user?: string },
): Promise<{ data: AuditEntry[]; nextCursor: string | undefined }> {
  if (user === undefined) wholeProject(scope)
  const { secret } = await projectOf(db, scope.project)
  let query = db.selectFrom('audit').where('project', '=', scope.project)
  if (user !== undefined) query = query.where('subject_hmac', '=', hmacOf(secret, user))
  if (cursor !== undefined) query = query.where('id', '<', cursor)
  const rows = await query.selectAll().orderBy('id', 'desc').limit(limit).execute()
  return {
    data: rows.map(({ id, at, actor, action, details }) => ({ id, at, actor, action, details: JSON.parse(details) })),
    nextCursor: rows.length === limit ? rows[limit - 1].id : undefined,
  }
}
