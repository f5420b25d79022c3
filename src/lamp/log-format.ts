// LaMP's question files as interaction logs: a format that this room adds to those of logs/formats/. Importing this
// file makes it known. A file is a JSON array of questions, each with a `profile` array of the user's earlier items,
// which are the interactions.
import type { RawRecord, TextFormat } from '../logs/formats/format.ts'
import { addLogFormat } from '../logs/formats/formats.ts'
import type { IssueLog } from '../logs/issues.ts'
import { readElements } from '../logs/json-array.ts'
import { isObject, toJsonRecord } from '../logs/json-record.ts'
import { jsonElements, jsonMembers } from '../logs/json-text.ts'

/** Items have no text in some tasks: there the title or the description is what the user wrote or chose. */
export const LAMP_TEXT_COLUMNS = ['text', 'title', 'description', 'abstract'] as const

/** Every item of a question repeats its user's id: a long one would make a large log of a small file. */
const MAX_ID = 1000

const lampLogs: TextFormat = {
  type: 'text',
  name: 'lamp',
  title: 'LaMP',
  usualColumns: { user: ['user_id'], text: LAMP_TEXT_COLUMNS },
  recognises: (start) => /^\[\s*\{/.test(start) && /"profile"\s*:\s*\[/.test(start),
  records: itemRecords,
}

addLogFormat(lampLogs)

/** One question after the other: the user is its `user_id` or else its `id`. */
async function* itemRecords(
  blocks: AsyncIterable<string>,
  fileName: string,
  issues: IssueLog,
): AsyncGenerator<RawRecord> {
  for await (const { text, line, index } of readElements(blocks, fileName, issues)) {
    const at = `${fileName}:${line} (question ${index})`
    const record = toJsonRecord(text, at, issues)
    if (record === undefined) continue
    const question = record.value
    if (!Array.isArray(question.profile)) {
      issues.add('bad-line', at, 'a question without a "profile" array')
      continue
    }
    // Taken apart as text: ids longer than a number holds keep their digits.
    const written = jsonMembers(record.json)
    const userText = question.user_id == null ? written.get('id') : written.get('user_id')
    if ((userText?.length ?? 0) > MAX_ID) {
      issues.add('bad-line', at, `the question's user has an id of more than ${MAX_ID} characters`)
      continue
    }
    const itemTexts = jsonElements(written.get('profile') ?? '[]')
    const copies = new Map<string, number>()
    for (const [i, item] of question.profile.entries()) {
      if (!isObject(item)) {
        issues.add('bad-line', `${at}, item ${i + 1}`, 'a profile item that is not an object')
        continue
      }
      // Several questions of a user repeat the user's items under other ids; a repeat within one question is the
      // user's.
      const { id: _, ...content } = item
      const members = jsonMembers(itemTexts[i])
      const exact = /\d{16}/.test(itemTexts[i]) ? [...members].filter(([name]) => name !== 'id') : content
      const key = JSON.stringify([userText, exact])
      const copy = (copies.get(key) ?? 0) + 1
      copies.set(key, copy)
      if (userText !== undefined) members.set('user_id', userText)
      members.set('question_id', written.get('id') ?? 'null')
      const json = `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`
      const value = { ...item, user_id: question.user_id ?? question.id, question_id: question.id }
      yield { line, element: index, json, value, mergeKey: `${copy}|${key}` }
    }
  }
}
