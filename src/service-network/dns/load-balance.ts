import type { DNSRecord } from '#wire/dns/record.ts'
import type { Handler } from './chain.ts'

/** Shuffles the addresses of an answer: most clients take the first. Aliases stay in front, in their order. */
export function loadBalance(random: () => number = Math.random): Handler {
  return async (query, next) => {
    const answer = await next(query)
    if (answer.answers.length < 2) return answer
    const others = answer.answers.filter((record) => !isAddress(record))
    const addresses = shuffle(answer.answers.filter(isAddress), random)
    return { ...answer, answers: [...others, ...addresses] }
  }
}

function isAddress({ type }: DNSRecord): boolean {
  return type === 'A' || type === 'AAAA'
}

/** Fisher and Yates. */
function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const shuffled = [...items]
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = shuffled[i]!
    shuffled[i] = shuffled[j]!
    shuffled[j] = held
  }
  return shuffled
}
