// Addresses as they may be written down: without what lets somebody in.

/**
 * The text with every address in it bare: no user and password, no query, no fragment. Of addresses other than http(s)
 * a `?` that assigns nothing stays: there it stands for any character of a file's name. A database's password may hold
 * any character but white space.
 */
export function bareAddresses(text: string): string {
  return text.replace(
    /\b([a-z][a-z0-9+.-]*):\/\/(?:(?<=postgres(?:ql)?:\/\/)\S*@|[^\s/?#"'@]*@)?([^\s?#"']*)([?#][^\s"']*)?/gi,
    (_, scheme: string, place: string, rest = '') =>
      `${scheme}://${place}${/^https?$/i.test(scheme) || rest.includes('=') ? '' : rest}`,
  )
}
