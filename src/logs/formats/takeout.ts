// Google Takeout's "My Activity" (MyActivity.json, also YouTube's watch-history.json): an array of what somebody
// searched for, watched and visited. Of whom it is it does not say, so the user is called `me`.
import { readElements } from '../json-array.ts'
import { toJsonRecord } from '../json-record.ts'
import type { TextFormat } from './format.ts'

export const takeout: TextFormat = {
  type: 'text',
  name: 'takeout',
  title: "Google Takeout's activity",
  usualColumns: { user: ['user'], time: ['time'], text: ['title'] },
  recognises: (start) => /^\[\s*\{\s*"header"\s*:/.test(start) && /"products"\s*:\s*\[/.test(start),
  async *records(blocks, fileName, issues, context) {
    context.describe(`the user is "me", and "export" is the file's name`)
    for await (const { text, line, index } of readElements(blocks, fileName, issues)) {
      const activity = toJsonRecord(text, `${fileName}:${line} (element ${index})`, issues)
      if (activity === undefined) continue
      const whose = { user: 'me', export: fileName }
      const value = { ...whose, ...activity.value }
      // The activity stays as it is written: its numbers keep their digits.
      const more = Object.keys(activity.value).length > 0 ? ',' : ''
      const json = `${JSON.stringify(whose).slice(0, -1)}${more}${activity.json.trim().slice(1)}`
      yield { line, element: index, json, value }
    }
  },
}
