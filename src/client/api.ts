// Types of the HTTP API of `bump serve`, written by `npm run docs` from its OpenAPI document.

export interface components {
  schemas: {
    AddedInteractions: {
      accepted: number
      /** There before, with the same text. */
      duplicates: number
      /** By upsert. */
      replaced: number
      /** There before with another text, which stayed. */
      conflicts: { index: number; id: string }[]
      rejected: {
        index: number
        reason: 'user' | 'id' | 'time' | 'text' | 'metadata' | 'deleted' | 'full'
        message: string
      }[]
    }
    Problem: {
      type: string
      title: string
      status: number
      /** Stable, for programs. */
      code:
        | 'invalid-request'
        | 'unauthenticated'
        | 'forbidden'
        | 'not-found'
        | 'method-not-allowed'
        | 'conflict'
        | 'precondition-failed'
        | 'too-large'
        | 'unsupported-media-type'
        | 'unprocessable'
        | 'idempotency-mismatch'
        | 'precondition-required'
        | 'rate-limited'
        | 'internal'
        | 'upstream-failed'
        | 'unavailable'
      /** For people: what was wrong, where, and what to do. */
      detail: string
      requestId: string
      /** The same in the form of OpenAI, for clients of the proxy. */
      error: { [key: string]: unknown }
    }
    Interaction: {
      id: string
      time: number
      text: string
      metadata?: { [key: string]: unknown }
      /** Kept from the writer of profiles. */
      excluded: boolean
    }
    User: {
      user: string
      /** on; off: nothing is written or served; frozen: what is served stays. */
      profiling: 'on' | 'off' | 'frozen'
      interactions: number
      /** Those that profiles are written from. */
      included: number
      /** Since the last refresh. */
      newInteractions: number
      firstTime?: number
      lastTime?: number
      /** The version that is served. */
      version?: number
      /** When the next refresh is due. */
      dueAt?: number
      dueReason?: string
      /** Failures of the last refresh, one after the other. */
      attempts: number
      lastError?: string
    }
    Link: { url: string; expiresAt: number }
    ReadProfile: components['schemas']['Profile'] & { explanation?: components['schemas']['Explanation'] }
    Explanation: {
      /** Each with the interactions that share words with it. */
      sentences: { text: string; sources: { id: string; time: number; words: string[] }[] }[]
      /** Interactions in the writer's prompt. */
      shown: number
      /** Those hidden from it, to judge the text by. */
      heldOut: number
      writer?: string
      gate?: unknown
      scores?: unknown
      corrections: components['schemas']['Correction'][]
      refresh: { dueAt?: number; reason?: string; attempts: number; lastError?: string }
    }
    Correction: {
      id: string
      kind: 'state' | 'deny' | 'exclude'
      text?: string
      /** Ids, of exclude. */
      interactions?: string[]
      /** The key that made it. */
      by: string
      createdAt: number
    }
    Profile: {
      /** pending: nothing is written yet; off: profiling is off. */
      status: 'published' | 'pending' | 'off'
      version?: number
      /** Written from interactions; '' where there is none. */
      text: string
      /** The user's own sentences, word for word. */
      statements: string[]
      /** Whether a refresh is due. */
      stale: boolean
      /** Since the last refresh. */
      newInteractions: number
      /** Time of the latest interaction that the version has seen. */
      throughTime?: number
      origin?: 'generated' | 'manual' | 'restored'
      /** Whether the version passed the gate; false where nothing could judge it. */
      judged: boolean
      createdAt?: number
    }
    ProfileVersion: {
      version: number
      /** Absent where it was erased with what it was written from. */
      text?: string
      origin: 'generated' | 'manual' | 'restored'
      status: 'published' | 'rejected' | 'unscored' | 'withdrawn'
      served: boolean
      /** Digest of the generator. */
      writer?: string
      throughTime?: number
      /** By interactions that came after it was published. */
      scores?: unknown
      /** The verdict before publishing. */
      gate?: unknown
      createdAt: number
    }
    ProfileSource: {
      id: string
      time: number
      text: string
      excluded: boolean
      /** Hidden from the writer, to judge the text by. */
      heldOut: boolean
    }
    ForgetReceipt: {
      /** Nothing went: this would. */
      dryRun: boolean
      interactions: number
      /** The first of them. */
      ids: string[]
      /** Versions of the profile that were withdrawn and erased. */
      versions: number
      at: number
      /** What deletion cannot reach. */
      beyond: string[]
    }
    DeletionReceipt: {
      interactions: number
      versions: number
      corrections: number
      /** Keys that were for this user. */
      keys: number
      at: number
      /** Digests of the generators that wrote the user's profiles. */
      writers: string[]
      /** What deletion cannot reach. */
      beyond: string[]
    }
    Export: { exportedAt: number } & { [key: string]: unknown }
    Key: {
      id: string
      project?: string
      role: 'ingest' | 'read' | 'write' | 'admin' | 'root'
      /** The one user that the key is for. */
      user?: string
      createdAt: number
      expiresAt?: number
      revokedAt?: number
      /** To the minute. */
      lastUsedAt?: number
    }
    AuditEntry: { id: string; at: number; actor: string; action: string; details: { [key: string]: unknown } }
    QueuedUser: {
      user: string
      dueAt: number
      reason?: string
      /** Whether a worker has it. */
      claimed: boolean
      attempts: number
      lastError?: string
    }
    Project: { id: string; name: string; createdAt: number }
    Operations: {
      'POST /v1/interactions': {
        query: {
          /** Replace texts that are there; profiles written from them are withdrawn. Default: false. */
          upsert?: 'true' | 'false'
          /** Take what was deleted before. Default: false. */
          revive?: 'true' | 'false'
        }
        body: {
          interactions: {
            user: string
            /** Of the event; the same id is stored once. Default: a digest of user, time and text. */
            id?: string
            /** Milliseconds since 1970, or an ISO 8601 time with its offset. Default: now. */
            time?: number | string
            text: string
            metadata?: { [key: string]: unknown }
          }[]
        }
        answer: components['schemas']['AddedInteractions']
      }
      'GET /v1/users/{user}/interactions': {
        query: {
          /** Default: 100. */
          limit?: number
          /** The nextCursor of the page before. */
          cursor?: string
        }
        answer: {
          data: components['schemas']['Interaction'][]
          /** Of the next page; null at the end. */
          nextCursor: string | null
        }
      }
      'PATCH /v1/users/{user}/interactions/{id}': {
        body: { excluded: boolean }
        answer: { id: string; excluded: boolean }
      }
      'DELETE /v1/users/{user}/interactions/{id}': { answer: components['schemas']['ForgetReceipt'] }
      'GET /v1/users': {
        query: {
          /** Default: 100. */
          limit?: number
          /** The nextCursor of the page before. */
          cursor?: string
        }
        answer: {
          data: components['schemas']['User'][]
          /** Of the next page; null at the end. */
          nextCursor: string | null
        }
      }
      'GET /v1/users/{user}': { answer: components['schemas']['User'] }
      'PATCH /v1/users/{user}': { body: { profiling: 'on' | 'off' | 'frozen' }; answer: components['schemas']['User'] }
      'DELETE /v1/users/{user}': { answer: components['schemas']['DeletionReceipt'] }
      'POST /v1/users/{user}/links': {
        body: {
          /** Seconds that it works. Default: 900. */
          ttl?: number
        }
        answer: components['schemas']['Link']
      }
      'GET /v1/users/{user}/profile': {
        query: {
          /** text: plain; block: for a system message, as the proxy has it. Default: json. */
          format?: 'json' | 'text' | 'block'
          /** About the most tokens of what is said. Default: 256. */
          maxTokens?: number
          /** Why it says what it says, in JSON; takes a key of role admin. */
          explain?: '1' | 'true'
        }
        answer: components['schemas']['ReadProfile']
      }
      'PUT /v1/users/{user}/profile': { body: { text: string }; answer: components['schemas']['Profile'] }
      'GET /v1/users/{user}/profile/versions': {
        query: {
          /** Default: 100. */
          limit?: number
          /** The nextCursor of the page before. */
          cursor?: string
        }
        answer: {
          data: components['schemas']['ProfileVersion'][]
          /** Of the next page; null at the end. */
          nextCursor: string | null
        }
      }
      'GET /v1/users/{user}/profile/versions/{version}': { answer: components['schemas']['ProfileVersion'] }
      'POST /v1/users/{user}/profile/versions/{version}/restore': { answer: components['schemas']['Profile'] }
      'GET /v1/users/{user}/profile/sources': {
        query: {
          /** Default: as served. */
          version?: number
        }
        answer: { version: number; data: components['schemas']['ProfileSource'][] }
      }
      'POST /v1/users/{user}/profile/refresh': {
        query: {
          /** Seconds to wait for the new version. Default: 0. */
          wait?: number | null
        }
        answer: components['schemas']['Profile']
      }
      'GET /v1/users/{user}/corrections': { answer: { data: components['schemas']['Correction'][] } }
      'POST /v1/users/{user}/corrections': {
        body:
          | {
              /** The user's own sentence, served word for word. */
              kind: 'state'
              text: string
            }
          | {
              /** What the profile may not say. */
              kind: 'deny'
              text: string
            }
          | {
              /** Interactions that the writer may not see. */
              kind: 'exclude'
              interactions: string[]
            }
        answer: components['schemas']['Correction']
      }
      'DELETE /v1/users/{user}/corrections/{id}': { answer: { id: string } }
      'POST /v1/users/{user}/forget': {
        body: {
          ids?: string[]
          before?: number
          after?: number
          /** Words that the text holds, whatever their case. */
          match?: string
          /** Say what would go, and erase nothing. Default: true. */
          dryRun?: boolean
        }
        answer: components['schemas']['ForgetReceipt']
      }
      'GET /v1/users/{user}/export': { answer: components['schemas']['Export'] }
      'GET /v1/keys': { answer: { data: components['schemas']['Key'][] } }
      'POST /v1/keys': {
        body: {
          role: 'ingest' | 'read' | 'write' | 'admin'
          /** The one user that it is for. */
          user?: string
          expiresAt?: number
        }
        answer: components['schemas']['Key'] & { key: string }
      }
      'DELETE /v1/keys/{id}': { answer: { id: string } }
      'GET /v1/audit': {
        query: {
          /** Default: 100. */
          limit?: number
          /** The nextCursor of the page before. */
          cursor?: string
          /** What is about this user. */
          user?: string
        }
        answer: {
          data: components['schemas']['AuditEntry'][]
          /** Of the next page; null at the end. */
          nextCursor: string | null
        }
      }
      'GET /v1/queue': {
        query: {
          /** Default: 100. */
          limit?: number
        }
        answer: { data: components['schemas']['QueuedUser'][] }
      }
      'GET /v1/projects': { answer: { data: components['schemas']['Project'][] } }
      'POST /v1/projects': {
        body: { id: string; name?: string }
        answer: components['schemas']['Project'] & { key: string }
      }
    }
  }
}

export type AddedInteractions = components['schemas']['AddedInteractions']
export type Problem = components['schemas']['Problem']
export type Interaction = components['schemas']['Interaction']
export type User = components['schemas']['User']
export type Link = components['schemas']['Link']
export type ReadProfile = components['schemas']['ReadProfile']
export type Explanation = components['schemas']['Explanation']
export type Correction = components['schemas']['Correction']
export type Profile = components['schemas']['Profile']
export type ProfileVersion = components['schemas']['ProfileVersion']
export type ProfileSource = components['schemas']['ProfileSource']
export type ForgetReceipt = components['schemas']['ForgetReceipt']
export type DeletionReceipt = components['schemas']['DeletionReceipt']
export type Export = components['schemas']['Export']
export type Key = components['schemas']['Key']
export type AuditEntry = components['schemas']['AuditEntry']
export type QueuedUser = components['schemas']['QueuedUser']
export type Project = components['schemas']['Project']
export type Operations = components['schemas']['Operations']
