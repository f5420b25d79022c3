// What a profile must not carry into the prompt that it is put into: characters that are not seen, special tokens of
// chat templates, tags and links. It is plain text afterwards, and no tag can open or close in it.

/**
 * Control and format characters, private and unassigned ones, lone surrogates, tags, fillers and variation selectors.
 * A line break stays. Joiners go too: an emoji of several parts becomes these, which is the price.
 */
const UNSEEN =
  /(?!\n)(?:[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\u115F\u1160\u3164\uFFA0]|\p{Variation_Selector}|\u034F|\u17B4|\u17B5)/gu
const BREAKS = /\r\n?|[\u0085\u2028\u2029\v\f]/g
const MARKS = /(\p{M}{4})\p{M}+/gu

/**
 * Special tokens of the chat templates of all families that bump reads, and of others: `<|im_start|>` and its like
 * with either bar, `[INST]`, `[|user|]`, `◁think▷`, `<<SYS>>`, and any tag. Brackets of capitals are tokens of Mistral.
 */
const TOKENS =
  /<<\/?SYS>>|<[^<>\n]{0,80}>|\[[|｜][^[\]\n]{0,40}[|｜]\]|\[\/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK|PREFIX|MIDDLE|SUFFIX|IMG|gMASK|sMASK|BOS|EOS|PAD|UNK|CLS|SEP|MASK)\]|[◁◀][^◁▷◀▶\n]{0,40}[▷▶]|\{%[^\n]{0,200}?%\}|\{\{[^\n]{0,200}?\}\}/giu
const ANGLES = /[<>＜＞﹤﹥〈〉⟨⟩◁▷]/g
const MARKDOWN = /!?\[([^[\]\n]{0,200})\]\([^()\n]{0,2000}(?:\([^()\n]{0,200}\)[^()\n]{0,200})?\)/g
/** What a placeholder or a later cut could make a link of. */
const HALF_A_LINK = /\](?:\(|:(?=\S))/g
const FENCES = /`{3,}[a-z]{0,20}|~{3,}/gi
const HEADINGS = /^[ \t]{0,3}#{1,6}[ \t]+/gm

export type MarkupKind = 'unseen' | 'special-token' | 'markdown'

export interface Plain {
  text: string
  /** What was taken out. */
  removed: MarkupKind[]
}

/** The text without unseen characters, special tokens, tags, `<`, `>`, links and fences of Markdown. Never longer. */
export function plainText(text: string): Plain {
  const removed: MarkupKind[] = []
  const seen = text.replace(BREAKS, '\n').replace(/\t/g, ' ').replace(UNSEEN, '')
  if (seen.length < text.replace(/\r\n/g, '\n').length) removed.push('unseen')
  const withoutTokens = untilUnchanged(seen.replace(MARKS, '$1'), (rest) => rest.replace(TOKENS, ''))
  const withoutAngles = withoutTokens.replace(ANGLES, '')
  if (withoutAngles !== seen.replace(MARKS, '$1')) removed.push('special-token')
  const plain = untilUnchanged(withoutAngles, (rest) =>
    rest
      .replace(MARKDOWN, '$1')
      .replace(HALF_A_LINK, ']')
      .replace(FENCES, '')
      .replace(HEADINGS, '')
      .replace(TOKENS, ''),
  )
  if (plain !== withoutAngles) removed.push('markdown')
  return { text: plain, removed }
}

/** Taking one thing out may put another together; each pass is shorter than the one before. */
function untilUnchanged(text: string, pass: (text: string) => string): string {
  for (let rest = text; ; ) {
    const next = pass(rest)
    if (next === rest) return rest
    rest = next
  }
}
