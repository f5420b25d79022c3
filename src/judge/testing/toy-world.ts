// Users with interests, for tests of judge and reward.
import { shuffled, uniform } from '../../util/random.ts'

const SYLLABLES = [
  'bar',
  'den',
  'fol',
  'gim',
  'hul',
  'kep',
  'lor',
  'mun',
  'nav',
  'pis',
  'rok',
  'sut',
  'tev',
  'wax',
  'zil',
]

function word(i: number): string {
  const part = (n: number) => SYLLABLES[n % SYLLABLES.length]
  return part(i) + part(Math.floor(i / SYLLABLES.length)) + part(Math.floor(i / SYLLABLES.length ** 2))
}

/**
 * Users of 12 interests each that are all their own and some that many share: every text names 4 of the first and 1 of
 * the second kind, the profile names 12 and 3.
 */
export function toyUsers(count: number): { id: string; profile: string; heldOut: string[]; history: string[] }[] {
  return Array.from({ length: count }, (_, u) => {
    const interests = Array.from({ length: 12 }, (_, i) => word(u * 12 + i))
    const common = Array.from({ length: 10 }, (_, i) => word(3000 + i))
    const next = uniform(u)
    const some = (words: readonly string[], n: number) => shuffled(words, Math.floor(next() * 1e6)).slice(0, n)
    const text = () => `about ${[...some(interests, 4), ...some(common, 1)].join(' and ')}`
    return {
      id: `user-${u}`,
      profile: `Someone who loves ${[...interests, ...some(common, 3)].join(', ')}.`,
      heldOut: [text(), text()],
      history: Array.from({ length: 5 }, text),
    }
  })
}
