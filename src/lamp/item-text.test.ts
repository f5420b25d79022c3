// Items as interactions by a template.
import { describe, expect, it } from 'vitest'
import { itemText } from './item-text.ts'
import { splitOf } from './testing/lamp-folder.ts'

const item = { id: 'i', fields: { title: 'On $& rivers', abstract: 'They flow.' } }
const base = splitOf(5, ['gold'])
const split = { ...base, questions: base.questions.map((question) => ({ ...question, items: [item] })) }

describe('a template', () => {
  it.each([
    ['title', 'On $& rivers'],
    [' title ', 'On $& rivers'],
    ['{title}: {abstract}', 'On $& rivers: They flow.'],
    ['{abstract} ({title}, {title})', 'They flow. (On $& rivers, On $& rivers)'],
  ])('%j', (template, text) => expect(itemText(template, split)(item)).toBe(text))

  it.each([
    ['body', /--text "body": question q0 of dev_questions.json has an item without "body" \(fields: title, abstract\)/],
    ['{title} {toString}', /without "toString"/],
    ["title || ': ' || abstract", /name a field of the items, or several as in "\{title\}: \{abstract\}"/],
    ['', /name a field/],
  ])('%j is refused', (template, message) => expect(() => itemText(template, split)).toThrow(message))
})
