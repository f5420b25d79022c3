// The frame of every page: complete HTML without a script, so that it reads the same everywhere.
import type { Context } from 'hono'
import { html } from 'hono/html'
import type { Child } from 'hono/jsx'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ServeEnv } from '../auth.ts'

export interface Frame {
  title: string
  /** Links at the top. */
  links?: readonly (readonly [href: string, name: string])[]
  /** Where the form of leaving goes; without it there is none. */
  leave?: string
}

/** The answer that is a page. */
export function page(c: Context<ServeEnv>, frame: Frame, content: Child, status: ContentfulStatusCode = 200) {
  const { title, links = [], leave } = frame
  const whole = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · bump`}</title>
        <link rel="stylesheet" href="/ui/style.css" />
        <link rel="icon" href="data:," />
      </head>
      <body>
        <a class="skip" href="#content">
          To the content
        </a>
        <header>
          <strong>bump</strong>
          {links.length > 0 && (
            <nav aria-label="Pages">
              {links.map(([href, name], i) => (
                <>
                  {i > 0 && ' · '}
                  <a href={href}>{name}</a>
                </>
              ))}
            </nav>
          )}
          {leave !== undefined && (
            <form method="post" action={leave}>
              <button type="submit">Leave</button>
            </form>
          )}
        </header>
        <main id="content">
          <h1>{title}</h1>
          {content}
        </main>
      </body>
    </html>
  )
  return c.html(html`<!DOCTYPE html>${whole}`, status)
}

/** A form of one button, with hidden fields. */
export function ButtonForm({ action, name, fields, grave }: ButtonFormProps) {
  return (
    <form method="post" action={action}>
      {(fields ?? []).map(([field, value]) => (
        <input type="hidden" name={field} value={value} />
      ))}
      <button type="submit" class={grave ? 'grave' : undefined}>
        {name}
      </button>
    </form>
  )
}

interface ButtonFormProps {
  action: string
  name: string
  fields?: readonly (readonly [name: string, value: string])[]
  /** Whether something goes for good. */
  grave?: boolean
}

/** `children`: its rows. */
export function Table({
  caption,
  columns,
  children,
}: {
  caption: string
  columns: readonly string[]
  children: Child
}) {
  return (
    <div class="table">
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((name) => (
              <th scope="col">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}

/** A time as people read it, in UTC; '' for none. */
export function Time({ at }: { at: number | undefined }) {
  if (at === undefined) return null
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return <>{String(at)}</>
  const whole = date.toISOString()
  return <time datetime={whole}>{`${whole.slice(0, 10)} ${whole.slice(11, 16)}`}</time>
}
