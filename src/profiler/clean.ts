// From sampled text to profile: chat markup and thinking are no part of it.

/** A profile as it is judged, stored and shown: trimmed, without chat markup, thinking blocks or a heading. */
export function cleanProfile(text: string): string {
  return text
    .replace(/<think>[\s\S]*?(<\/think>|$)/g, '')
    .replace(/<\|[^<>|]{0,40}\|>|<\/?s>|<\/?(?:start|end)_of_turn>|\[\/?INST\]/g, '')
    .replace(/\uFFFD/g, '')
    .replace(/^\s*(?:assistant\s*\n|(?:\*\*)?profile:(?:\*\*)?)/i, '')
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n[\s]*\n/g, '\n\n')
    .trim()
}
