import type { Log } from '#log/log.ts'
import { decodeHead, decodeQuery } from '#wire/dns/decode-message.ts'
import { encodeResponse, MAX_MESSAGE_BYTES } from '#wire/dns/encode-message.ts'
import type { EDNS, QueryMessage, Rcode, ResponseMessage } from '#wire/dns/message.ts'
import { CLASS_IN, TYPE } from '#wire/dns/record.ts'
import { type Answer, bareAnswer } from './answer.ts'
import type { Next } from './chain.ts'
import type { Protocol } from './exchange.ts'

export interface RespondOptions {
  readonly serve: Next
  /** Whether names outside of the cluster are answered too (RA). */
  readonly recursionAvailable: boolean
  readonly log: Log
}

/** What a UDP answer may hold for a client that does not say (RFC 1035 section 4.2.1), and what we send at most. */
const PLAIN_UDP_BYTES = 512
const MAX_UDP_BYTES = 1232

/**
 * Answers one packet. Never throws: what cannot be read gets FORMERR.
 * @returns `undefined` where no answer is due: packets shorter than a header, and responses (answering those would let two servers talk forever)
 */
export async function respond(
  packet: Uint8Array,
  protocol: Protocol,
  { serve, recursionAvailable, log }: RespondOptions,
): Promise<Uint8Array | undefined> {
  const head = decodeHead(packet)
  if (!head || head.isResponse) return
  const shell = { ...head, recursionAvailable }
  if (head.opcode !== 0) return encodeResponse({ ...shell, ...bareAnswer('NOTIMP') })
  let query: QueryMessage
  try {
    query = decodeQuery(packet)
  } catch {
    return encodeResponse({ ...shell, ...bareAnswer('FORMERR') })
  }
  try {
    const answer = await answerTo(query, serve)
    return encodeResponse(...toResponse(query, answer, recursionAvailable, protocol))
  } catch (error) {
    log.error(`Cannot answer ${query.question.name} type ${query.question.type}`, { error })
    return encodeResponse(
      ...toResponse(query, bareAnswer('SERVFAIL'), recursionAvailable, protocol),
    )
  }
}

async function answerTo(query: QueryMessage, serve: Next): Promise<Answer> {
  const refused = reasonToRefuse(query)
  if (refused) return bareAnswer(refused)
  return serve({
    question: query.question,
    recursionDesired: query.recursionDesired,
    checkingDisabled: query.checkingDisabled,
    dnssecOK: query.edns?.dnssecOK ?? false,
  })
}

function reasonToRefuse({ question, edns }: QueryMessage): Rcode | undefined {
  if (edns && edns.version !== 0) return 'BADVERS'
  if (question.class !== CLASS_IN) return 'REFUSED'
  // Zone transfers are nobody's business here.
  if (question.type === TYPE.AXFR || question.type === TYPE.IXFR) return 'REFUSED'
  if (question.type === TYPE.OPT) return 'FORMERR'
  return undefined
}

function toResponse(
  { id, recursionDesired, checkingDisabled, question, edns }: QueryMessage,
  answer: Answer,
  recursionAvailable: boolean,
  protocol: Protocol,
): [ResponseMessage, number] {
  const ours: EDNS | undefined = edns && {
    version: 0,
    udpPayloadBytes: MAX_UDP_BYTES,
    dnssecOK: edns.dnssecOK,
  }
  const asked = edns?.udpPayloadBytes ?? PLAIN_UDP_BYTES
  const udpLimit = Math.min(Math.max(asked, PLAIN_UDP_BYTES), MAX_UDP_BYTES)
  return [
    {
      id,
      recursionDesired,
      recursionAvailable,
      checkingDisabled,
      question,
      ...answer,
      ...(ours && { edns: ours }),
    },
    protocol === 'udp' ? udpLimit : MAX_MESSAGE_BYTES,
  ]
}
