// LaMP's question files as interaction logs: a format that this room adds to those of logs/formats/. Importing this
// file makes it known. A file is a JSON array of questions, each with a `profile` array of the user's earlier items,
// which are the interactions.
import type { RawRecord, TextFormat } from '../logs/formats/format.ts'
import { addLogFormat } from '../logs/formats/formats.ts'
import type { IssueLog } from '../logs/issues.ts'
import { readElements } from '../logs/json-array.ts'
import { isObject, toJsonRecord } from '../logs/json-record.ts'

/** Items have no text in some tasks: there the title or the description is what the user wrote or chose. */
export const LAMP_TEXT_COLUMNS = ['text', 'title', 'description', 'abstract'] as const

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
    const question = toJsonRecord(text, at, issues)?.value
    if (question === undefined) continue
    if (!Array.isArray(question.profile)) {
      issues.add('bad-line', at, 'a question without a "profile" array')
      continue
    }
    const user = question.user_id ?? question.id
    const copies = new Map<string, number>()
    for (const [i, item] of question.profile.entries()) {
      if (!isObject(item)) {
        issues.add('bad-line', `${at}, item ${i + 1}`, 'a profile item that is not an object')
        continue
      }
      // Several questions of a user repeat the user's items under other ids; a repeat within one question is the
      // user's.
      const { id: _, ...content } = item
      const key = JSON.stringify([user, content])
      const copy = (copies.get(key) ?? 0) + 1
      copies.set(key, copy)
      const value = { ...item, user_id: user, question_id: question.id }
      yield { line, element: index, json: JSON.stringify(value), value, mergeKey: `${copy}|${key}` }
    }
  }
}
