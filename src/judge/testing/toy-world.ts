// Users with interests that no two share, for tests of judge and reward.
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
  return part(i) + part(Math.floor(i / SYLLABLES.length)) + part(i * 7 + 3)
}

/** Users of 12 interests each: every text names 4 of them, the profile names all. */
export function toyUsers(count: number): { id: string; profile: string; heldOut: string[]; history: string[] }[] {
  return Array.from({ length: count }, (_, u) => {
    const interests = Array.from({ length: 12 }, (_, i) => word(u * 12 + i))
    const next = uniform(u)
    const text = () =>
      `about ${shuffled(interests, Math.floor(next() * 1e6))
        .slice(0, 4)
        .join(' and ')}`
    return {
      id: `user-${u}`,
      profile: `Someone who loves ${interests.join(', ')}.`,
      heldOut: [text(), text()],
      history: Array.from({ length: 5 }, text),
    }
  })
}
