// HTML of the report, escaped by construction: whatever is put into a template is text, unless it is HTML already.
// Profiles are a model's output and logs are anybody's: nothing of either may become markup.

/** A piece of the page, safe to insert. Made by `html` and, for text that is markup by design, by `markup`. */
export interface Html {
  readonly markup: string
}

/** What a template takes: text is escaped, lists are joined, undefined and false are nothing. */
export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[]

/** Template tag for HTML. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { markup: strings.reduce((text, part, i) => text + render(values[i - 1]) + part) }
}

/** Text that is markup by design: style sheets and scripts of our own. */
export function markup(text: string): Html {
  return { markup: text }
}

/**
 * Text as HTML text or the value of a quoted attribute. Control characters and halves of surrogate pairs, which no
 * HTML file may hold, become the replacement character.
 */
function escapeText(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Cs}/gu, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character])
}

/** A value as JSON that may stand inside a script element: no `<` can end it. */
export function scriptJson(value: unknown): Html {
  return markup(
    JSON.stringify(value)
      .replace(/</g, '\\u003c')
      .replace(/\u2028/g, '\\u2028')
      .replace(/\u2029/g, '\\u2029'),
  )
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function render(value: HtmlValue): string {
  if (value === undefined || value === false) return ''
  if (typeof value === 'string') return escapeText(value)
  if (typeof value === 'number') return String(value)
  if ('markup' in value) return value.markup
  return value.map(render).join('')
}

/**
 * The first pieces whose markup stays within `limit` characters, then one line that says how many were left out and
 * where they are: the report stays small whatever it is given.
 */
export function within(limit: number, pieces: readonly Html[], remainder: (left: number) => Html): Html {
  let used = 0
  let shown = 0
  while (shown < pieces.length && used + pieces[shown].markup.length <= limit) used += pieces[shown++].markup.length
  const left = pieces.length - shown
  return html`${pieces.slice(0, shown)}${left > 0 && remainder(left)}`
}
