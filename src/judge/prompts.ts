// The judge's prompts, laid out so that what repeats comes first. The likelihood prompts are plain text, not chat:
// any causal language model can continue them, also a tiny one. The nano model is trained on these very forms.

/** Text before an interaction, given the person's profile: conditional side of the likelihood scorer. */
export function likelihoodPrefix(query: string): string {
  return `Profile of a person: ${query.trim()}\n\nA record of this person: `
}

/** Text before an interaction of nobody in particular: the unconditional side of the likelihood scorer. */
export const UNCONDITIONAL_PREFIX = 'A record of a person: '
