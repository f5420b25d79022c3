// Some names of many, for a message.

/** The first `most` names, and how many more there are: `a, b and 3 more`. */
export function few(names: readonly string[], most = 5): string {
  const more = names.length - most
  return `${names.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
