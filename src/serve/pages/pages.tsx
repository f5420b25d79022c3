// The pages of `bump serve`: those of the operator under /ui, and under /me those of the person whom a profile is
// about, who comes by a link that ends soon. They are complete without a script, and may load nothing but their style.
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { csrf } from 'hono/csrf'
import { secureHeaders } from 'hono/secure-headers'
import type { Store } from '../../store/open.ts'
import type { FindKey, ServeEnv } from '../auth.ts'
import { PROBLEMS, Problem } from '../problem.ts'
import { formOf } from './form.ts'
import { operatorRoutes } from './operator.tsx'
import { ButtonForm, page } from './page.tsx'
import { personRoutes } from './person.tsx'
import { type Door, enter, leave, OPERATOR, PERSON, session } from './session.ts'
import { STYLE } from './style.ts'

/** Longest form. */
const LONGEST = 2 ** 20

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    imgSrc: ['data:'],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  referrerPolicy: 'no-referrer',
})

/** All pages. `find`: who holds a key. */
export function pageRoutes(store: Store, find: FindKey): Hono<ServeEnv> {
  const ui = behind(OPERATOR)
  ui.get('/style.css', (c) => c.body(STYLE, 200, { 'content-type': 'text/css; charset=utf-8' }))
  ui.get('/enter', (c) => entrance(c, false))
  ui.post('/enter', async (c) => {
    const form = await formOf(c)
    return (await enter(c, find, OPERATOR, form.text('key').trim())) ? c.redirect('/ui', 303) : entrance(c, true)
  })
  ui.use(session(find, OPERATOR))
  operatorRoutes(ui, store)
  personRoutes(ui, store, { at: '/users/:user', own: false })

  const me = behind(PERSON)
  me.get('/enter/:key', welcome)
  me.post('/enter/:key', async (c) => {
    if (!(await enter(c, find, PERSON, c.req.param('key')))) throw new Problem('unauthenticated')
    return c.redirect('/me', 303)
  })
  me.use(session(find, PERSON))
  personRoutes(me, store, { at: '', own: true })

  return new Hono<ServeEnv>().route('/ui', ui).route('/me', me)
}

/** What the pages behind a door have in common: headers, bounds, the way out, and problems as pages. */
function behind(door: Door): Hono<ServeEnv> {
  const routes = new Hono<ServeEnv>()
  routes.onError((error, c) => problemPage(c, Problem.of(error), door))
  routes.use(headers, csrf(), bodyLimit({ maxSize: LONGEST }))
  routes.post('/leave', (c) => {
    leave(c, door)
    return door === OPERATOR ? c.redirect('/ui/enter', 303) : farewell(c)
  })
  return routes
}

function problemPage(c: Context<ServeEnv>, { code, message }: Problem, door: Door) {
  if (code === 'unauthenticated' && door === OPERATOR) return c.redirect('/ui/enter', 303)
  if (code === 'unauthenticated')
    return page(c, { title: 'This link has ended' }, <p>Ask for a new one where you found it.</p>, 401)
  const [status, title] = PROBLEMS[code]
  const content = (
    <>
      <p class="notice problem">{message}</p>
      <p>
        <a href={door.path}>Back</a> <span class="soft">{`Request ${c.get('requestId')}`}</span>
      </p>
    </>
  )
  return page(c, { title: title.replace(/\.$/, '') }, content, status)
}

function entrance(c: Context<ServeEnv>, refused: boolean) {
  const content = (
    <>
      {refused && (
        <p class="notice problem" role="alert">
          This key opens no pages. It takes a key of role read, write or admin that is not for one user.
        </p>
      )}
      <form method="post" action="/ui/enter">
        <div class="text">
          <label for="key">Key</label>
          <input id="key" name="key" type="password" autocomplete="off" required />
        </div>
        <button type="submit">Enter</button>
      </form>
      <p class="soft">
        <code>bump serve keys create --db DATABASE --role admin</code> makes one.
      </p>
    </>
  )
  return page(c, { title: 'Enter' }, content, refused ? 401 : 200)
}

/** Behind a link. A form, so that what only looks at links, as mail programs do, does not enter. */
function welcome(c: Context<ServeEnv>) {
  const content = (
    <>
      <p>Here you can read what is said about you, correct it, and have it erased. This link ends soon.</p>
      <ButtonForm action={new URL(c.req.url).pathname} name="Show my profile" />
    </>
  )
  return page(c, { title: 'Your profile' }, content)
}

function farewell(c: Context<ServeEnv>) {
  return page(c, { title: 'You have left' }, <p>Your profile is not shown in this browser any more.</p>)
}
