import { nameKey } from '#wire/dns/name.ts'
import { type DNSRecord, TYPE } from '#wire/dns/record.ts'
import type { Answer, Query } from './answer.ts'
import { answerCluster, type ClusterZone } from './answer-cluster.ts'
import type { Handler, Next } from './chain.ts'
import type { ClusterIndex } from './cluster-index.ts'

/** How many CNAMEs are followed, ours and the upstream's counted alike, before the chain is cut. */
const MAX_ALIASES = 10

/** Answers the cluster's names; everything else, and what an ExternalName points at, is asked of the next handler. */
export function cluster(index: ClusterIndex, zone: ClusterZone): Handler {
  return async (query, next) => {
    const answer = answerCluster(query.question, index, zone)
    return answer ? followAlias(answer, query, next, index, zone) : next(query)
  }
}

async function followAlias(
  first: Answer,
  query: Query,
  next: Next,
  index: ClusterIndex,
  zone: ClusterZone,
): Promise<Answer> {
  const answers: DNSRecord[] = [...first.answers]
  for (let aliases = 0; aliases < MAX_ALIASES; aliases++) {
    const last = answers.at(-1)
    if (last?.type !== 'CNAME' || asksForAlias(query)) break
    const question = { ...query.question, name: last.target }
    if (answers.some(({ name }) => nameKey(name) === nameKey(last.target))) break
    const target = answerCluster(question, index, zone) ?? (await next({ ...query, question }))
    // The alias is true whatever becomes of its target; the code is about the target (RFC 2308 section 2.1).
    const { rcode, authority } = target
    if (target.answers.length === 0) return { ...first, rcode, answers, authority }
    answers.push(...target.answers)
  }
  return { ...first, answers }
}

function asksForAlias({ question }: Query): boolean {
  return question.type === TYPE.CNAME
}
