// The export of ChatGPT (conversations.json): an array of conversations, each a tree of messages. The records are what
// the user wrote; of whom the export is it does not say, so the user is called `me`.
import { readElements } from '../json-array.ts'
import { isObject, toJsonRecord } from '../json-record.ts'
import type { TextFormat } from './format.ts'

export const chatgpt: TextFormat = {
  type: 'text',
  name: 'chatgpt',
  title: "ChatGPT's export",
  usualColumns: { user: ['user'], time: ['time'], text: ['text'] },
  recognises: (start) =>
    /^\[\s*\{/.test(start) && /"mapping"\s*:\s*\{/.test(start) && /"(message|client-created-root)"\s*:/.test(start),
  async *records(blocks, fileName, issues, context) {
    context.describe(`messages of the user; the user is "me", and "export" is the file's name`)
    for await (const { text, line, index } of readElements(blocks, fileName, issues)) {
      const at = `${fileName}:${line} (conversation ${index})`
      const conversation = toJsonRecord(text, at, issues)?.value
      if (conversation === undefined) continue
      if (!isObject(conversation.mapping)) {
        issues.add('bad-line', at, 'a conversation without a "mapping" of its messages')
        continue
      }
      for (const node of Object.values(conversation.mapping)) {
        const message = isObject(node) && isObject(node.message) ? node.message : undefined
        if (message === undefined || !isFromUser(message)) continue
        const value = {
          user: 'me',
          export: fileName,
          time: message.create_time ?? undefined,
          text: wordsOf(message.content),
          title: short(conversation.title),
          conversation_id: short(conversation.conversation_id ?? conversation.id),
          message_id: message.id,
        }
        // A new export holds the old one's messages again.
        const mergeKey = typeof message.id === 'string' ? message.id : undefined
        yield { line, element: index, json: JSON.stringify(value), value, mergeKey }
      }
    }
  },
}

/** What every message of a conversation repeats must not make a large log of a small file. */
const short = (value: unknown) => (typeof value === 'string' && value.length <= MAX_REPEATED ? value : undefined)
const MAX_REPEATED = 1000

/** Written by the user: not what was set up once and is sent along with every conversation. */
function isFromUser({ author, content, metadata }: Record<string, unknown>): boolean {
  if (!isObject(author) || author.role !== 'user') return false
  const hidden = isObject(metadata) && metadata.is_visually_hidden_from_conversation === true
  return !hidden && !(isObject(content) && content.content_type === 'user_editable_context')
}

/** The text of a message; pictures and files in it are left out. */
function wordsOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!isObject(content)) return ''
  const parts = Array.isArray(content.parts) ? content.parts : [content.text]
  const words = parts.map((part) => (isObject(part) ? part.text : part))
  return words.filter((part) => typeof part === 'string' && part !== '').join('\n')
}
