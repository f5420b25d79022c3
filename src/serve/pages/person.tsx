// The pages about one person, the same for the operator and for the person: read, correct, leave out, erase, take
// along.
import type { Context, Hono } from 'hono'
import { addCorrection, listCorrections, retractCorrection } from '../../store/corrections.ts'
import { exportUser } from '../../store/export.ts'
import { deleteUser, forgetInteractions } from '../../store/forget.ts'
import { listInteractions } from '../../store/interactions.ts'
import type { Role } from '../../store/keys.ts'
import type { Store } from '../../store/open.ts'
import { readUser, requestRefresh, setProfiling } from '../../store/persons.ts'
import {
  listVersions,
  readProfile,
  readSources,
  readVersion,
  restoreVersion,
  writeProfileByHand,
} from '../../store/profiles.ts'
import { PROFILING, type UserScope } from '../../store/scope.ts'
import { type ServeEnv, userScopeOf } from '../auth.ts'
import { Problem } from '../problem.ts'
import { saidIn, sharing } from '../sentences.ts'
import { Deleted, SureToDelete, SureToForget } from './erasure-views.tsx'
import { type Form, formOf } from './form.ts'
import { operatorFrame, userPath } from './operator.tsx'
import { type Frame, page } from './page.tsx'
import { Interactions, Overview, Sentence, Version } from './person-views.tsx'

/** Where the pages lie within their door's routes. */
interface Place {
  /** '' or `/users/:user`. */
  at: string
  /** Whether the person reads them; else an operator does. */
  own: boolean
}

const ON_A_PAGE = 50
const VERSIONS = 20

type Visit = { c: Context<ServeEnv>; scope: UserScope; base: string; own: boolean }

/** The routes about one person. */
export function personRoutes(routes: Hono<ServeEnv>, store: Store, { at, own }: Place): void {
  const visit = (c: Context<ServeEnv>, needed: Role): Visit => {
    const user = own ? c.get('key').user! : (c.req.param('user') ?? '')
    return { c, scope: userScopeOf(c, needed, user), base: own ? '/me' : userPath(user), own }
  }
  /** A form that changes something and then leads to a page below the person's. */
  const change = (path: string, work: (scope: UserScope, form: Form) => Promise<void>, then = '') =>
    routes.post(`${at}${path}`, async (c) => {
      const { scope, base } = visit(c, 'write')
      await work(scope, await formOf(c))
      return c.redirect(`${base}${then}`, 303)
    })

  routes.get(at || '/', async (c) => await overview(store, visit(c, 'read')))

  routes.get(`${at}/interactions`, async (c) => {
    const { scope, base } = visit(c, 'read')
    const cursor = c.req.query('after')
    const { data, nextCursor } = await listInteractions(store, scope, { limit: ON_A_PAGE, cursor })
    const content = <Interactions base={base} interactions={data} next={nextCursor} />
    return page(c, frame(c, base, own, 'Interactions'), content)
  })

  routes.post(`${at}/interactions`, async (c) => {
    const { scope, base } = visit(c, 'write')
    const form = await formOf(c)
    const ids = form.all('id')
    if (ids.length === 0) throw new Problem('invalid-request', 'Choose at least one interaction.')
    if (form.text('do') === 'exclude') {
      await addCorrection(store, scope, { kind: 'exclude', interactions: ids })
      return c.redirect(base, 303)
    }
    const dryRun = form.text('sure') !== 'yes'
    const receipt = await forgetInteractions(store, scope, { ids }, { dryRun })
    const content = <SureToForget base={base} ids={ids} receipt={receipt} />
    return page(c, frame(c, base, own, dryRun ? 'Erase interactions?' : 'Erased'), content)
  })

  routes.get(`${at}/sentences/:number`, async (c) => {
    const { scope, base } = visit(c, 'read')
    const { text, version } = await readProfile(store, scope)
    const sentence = saidIn(text)[Number(c.req.param('number')) - 1]
    if (sentence === undefined || version === undefined)
      throw new Problem('not-found', 'The profile has no such sentence now.')
    const sources = (await readSources(store, scope, version)).filter(({ heldOut }) => !heldOut)
    const content = <Sentence base={base} sentence={sentence} sources={sources} shared={sharing(sentence, sources)} />
    return page(c, frame(c, base, own, 'Where a sentence comes from'), content)
  })

  routes.get(`${at}/versions/:version`, async (c) => {
    const { scope, base } = visit(c, 'read')
    const version = numberOf(c.req.param('version'))
    const [shown, served] = [await readVersion(store, scope, version), await readProfile(store, scope)]
    const content = <Version base={base} version={shown} served={served} />
    return page(c, frame(c, base, own, `Version ${version}`), content)
  })

  routes.get(`${at}/export`, async (c) => {
    const { scope } = visit(c, own ? 'read' : 'admin')
    return c.body(JSON.stringify(await exportUser(store, scope), null, 2), 200, {
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': 'attachment; filename="profile-and-interactions.json"',
    })
  })

  routes.post(`${at}/delete`, async (c) => {
    const { scope, base } = visit(c, own ? 'write' : 'admin')
    if ((await formOf(c)).text('sure') !== 'yes') {
      const content = <SureToDelete base={base} user={await readUser(store, scope)} />
      return page(c, frame(c, base, own, 'Erase everything?'), content)
    }
    const receipt = await deleteUser(store, scope)
    return page(c, own ? { title: 'Erased' } : operatorFrame(c, 'Erased'), <Deleted receipt={receipt} />)
  })

  change('/corrections', async (scope, form) => {
    const kind = form.text('kind')
    if (kind !== 'state' && kind !== 'deny') throw new Problem('invalid-request', 'kind: it is state or deny')
    await addCorrection(store, scope, { kind, text: form.text('text').trim() })
  })
  change('/corrections/retract', async (scope, form) => await retractCorrection(store, scope, form.text('id')))
  change('/profile', async (scope, form) => {
    const revision = numberOf(form.text('revision'))
    await writeProfileByHand(store, scope, { text: form.text('text'), revision })
  })
  change('/profiling', async (scope, form) => {
    const profiling = PROFILING.find((each) => each === form.text('profiling'))
    if (profiling === undefined) throw new Problem('invalid-request', `profiling: it is ${PROFILING.join(', ')}`)
    await setProfiling(store, scope, profiling)
  })
  change('/refresh', async (scope) => void (await requestRefresh(store, scope)))
  change('/restore', async (scope, form) => {
    const revision = numberOf(form.text('revision'))
    await restoreVersion(store, scope, numberOf(form.text('version')), { revision })
  })
}

async function overview(store: Store, { c, scope, base, own }: Visit) {
  const user = await readUser(store, scope)
  const [profile, corrections, versions] = await Promise.all([
    readProfile(store, scope),
    listCorrections(store, scope),
    listVersions(store, scope, { limit: VERSIONS }),
  ])
  const content = <Overview {...{ base, own, user, profile, corrections, versions: versions.data }} />
  return page(c, frame(c, base, own), content)
}

function frame(c: Context<ServeEnv>, base: string, own: boolean, title?: string): Frame {
  if (own) return { title: title ?? 'Your profile', links: [[base, 'Your profile']], leave: '/me/leave' }
  const { links, ...rest } = operatorFrame(c, title ?? c.req.param('user') ?? '')
  return { ...rest, links: title === undefined ? links : [...links, [base, c.req.param('user') ?? '']] }
}

function numberOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Problem('invalid-request', `${JSON.stringify(text.slice(0, 20))} is no number`)
  return Number(text)
}
