// The pages of a project's operator: its users, what is due, and its keys.
import type { Context, Hono } from 'hono'
import { createKey, listKeys, mayAs, ROLES, type Role, revokeKey } from '../../store/keys.ts'
import type { Store } from '../../store/open.ts'
import { listUsers, type UserInfo } from '../../store/persons.ts'
import { listQueue } from '../../store/queue.ts'
import { type ServeEnv, scopeOf } from '../auth.ts'
import { Problem } from '../problem.ts'
import { formOf } from './form.ts'
import { ButtonForm, page, Table, Time } from './page.tsx'

const ON_A_PAGE = 50
const MADE = ROLES.filter((role) => role !== 'root')

/** What every page of an operator has at its top. */
export function operatorFrame(c: Context<ServeEnv>, title: string) {
  const links = [['/ui', 'Users'] as const, ['/ui/queue', 'Queue'] as const]
  const keys = mayAs(c.get('key').role, 'admin') ? [['/ui/keys', 'Keys'] as const] : []
  return { title, links: [...links, ...keys], leave: '/ui/leave' }
}

/** The address of a user's page. */
export const userPath = (user: string): string => `/ui/users/${encodeURIComponent(user)}`

/** The routes of the operator, under /ui. */
export function operatorRoutes(ui: Hono<ServeEnv>, store: Store): void {
  ui.get('/', async (c) => {
    const cursor = c.req.query('after')
    const { data, nextCursor } = await listUsers(store, scopeOf(c, 'read'), { limit: ON_A_PAGE, cursor })
    return page(c, operatorFrame(c, 'Users'), <Users users={data} next={nextCursor} />)
  })

  ui.get('/find', (c) => c.redirect(userPath(c.req.query('user') ?? ''), 303))

  ui.get('/queue', async (c) => {
    const queue = await listQueue(store, scopeOf(c, 'read'), { limit: 200 })
    const content = (
      <>
        <Table
          caption="Users whose profile is written next, the soonest first; at most 200. Times are UTC."
          columns={['User', 'Due', 'Why', 'State']}
        >
          {queue.map(({ user, dueAt, reason, claimed, attempts, lastError }) => (
            <tr>
              <th scope="row">
                <a href={userPath(user)}>{user}</a>
              </th>
              <td>
                <Time at={dueAt} />
              </td>
              <td>{reason}</td>
              <td>{claimed ? 'being written' : attempts > 0 ? `failed ${attempts} times: ${lastError}` : 'waits'}</td>
            </tr>
          ))}
        </Table>
        {queue.length === 0 && <p>Nothing is due.</p>}
      </>
    )
    return page(c, operatorFrame(c, 'Queue'), content)
  })

  ui.get('/keys', async (c) => await keysPage(c, store))

  ui.post('/keys', async (c) => {
    const form = await formOf(c)
    const role = MADE.find((each) => each === form.text('role'))
    if (role === undefined) throw new Problem('invalid-request', `role: it is ${MADE.join(', ')}`)
    const days = form.text('days').trim()
    if (!/^\d{0,4}$/.test(days)) throw new Problem('invalid-request', 'days: give a number, or nothing')
    const user = form.text('user').trim() || undefined
    const expiresAt = days === '' ? undefined : Date.now() + Number(days) * 86_400_000
    const { key } = await createKey(store, scopeOf(c, 'admin'), { role, user, expiresAt })
    return await keysPage(c, store, key)
  })

  ui.post('/keys/revoke', async (c) => {
    await revokeKey(store, scopeOf(c, 'admin'), (await formOf(c)).text('id'))
    return c.redirect('/ui/keys', 303)
  })
}

function Users({ users, next }: { users: readonly UserInfo[]; next: string | undefined }) {
  return (
    <>
      <form method="get" action="/ui/find">
        <div class="text">
          <label for="user">Id of a user</label>
          <input id="user" name="user" required />
        </div>
        <button type="submit">Show</button>
      </form>
      {users.length === 0 && <p>There are no users yet: send interactions to /v1/interactions.</p>}
      <Table
        caption="In the order of their ids. Times are UTC."
        columns={['User', 'Interactions', 'New', 'Latest', 'Profile']}
      >
        {users.map(({ user, interactions, newInteractions, lastTime, version, profiling, attempts }) => (
          <tr>
            <th scope="row">
              <a href={userPath(user)}>{user}</a>
            </th>
            <td>{interactions}</td>
            <td>{newInteractions}</td>
            <td>
              <Time at={lastTime} />
            </td>
            <td>
              {version === undefined ? 'none' : `version ${version}`}
              {profiling !== 'on' && `, ${profiling}`}
              {attempts > 0 && ', failed'}
            </td>
          </tr>
        ))}
      </Table>
      {next !== undefined && (
        <p>
          <a href={`/ui?after=${encodeURIComponent(next)}`}>More users</a>
        </p>
      )}
    </>
  )
}

async function keysPage(c: Context<ServeEnv>, store: Store, made?: string) {
  const keys = await listKeys(store, scopeOf(c, 'admin'))
  const content = (
    <>
      {made !== undefined && (
        <div class="notice" role="status">
          <p>The key, in full for the only time:</p>
          <p>
            <code>{made}</code>
          </p>
        </div>
      )}
      <Table
        caption="Keys of this project. Times are UTC."
        columns={['Key', 'Role', 'For user', 'Made', 'Ends', 'Last used', 'State']}
      >
        {keys.map(({ id, role, user, createdAt, expiresAt, revokedAt, lastUsedAt }) => (
          <tr>
            <th scope="row">{id}</th>
            <td>{role}</td>
            <td>{user}</td>
            <td>
              <Time at={createdAt} />
            </td>
            <td>
              <Time at={expiresAt} />
            </td>
            <td>
              <Time at={lastUsedAt} />
            </td>
            <td>
              {revokedAt === undefined ? (
                <ButtonForm action="/ui/keys/revoke" name={`Revoke ${id}`} fields={[['id', id]]} grave />
              ) : (
                'revoked'
              )}
            </td>
          </tr>
        ))}
      </Table>
      <h2>Make a key</h2>
      <form method="post" action="/ui/keys">
        <div>
          <label for="role">Role</label>
          <select id="role" name="role">
            {MADE.map((role: Role) => (
              <option value={role}>{role}</option>
            ))}
          </select>
        </div>
        <div class="text">
          <label for="user">For this user only (not of role admin)</label>
          <input id="user" name="user" />
        </div>
        <div>
          <label for="days">Ends after days</label>
          <input id="days" name="days" inputmode="numeric" pattern="[0-9]{0,4}" size={5} />
        </div>
        <button type="submit">Make</button>
      </form>
    </>
  )
  return page(c, operatorFrame(c, 'Keys'), content)
}
