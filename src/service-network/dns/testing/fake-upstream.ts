import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { decodeQuery } from '#wire/dns/decode-message.ts'
import { encodeResponse } from '#wire/dns/encode-message.ts'
import type { QueryMessage, ResponseMessage } from '#wire/dns/message.ts'
import type { Protocol } from '../exchange.ts'
import { type DNSServer, type Respond, serveDNS } from '../server.ts'

type Reply = Partial<ResponseMessage> | Uint8Array | undefined

/** A nameserver on loopback, for tests: answers what `reply` says, or not at all. */
export async function startFakeUpstream(
  reply: (query: QueryMessage, protocol: Protocol) => Reply,
): Promise<DNSServer> {
  const respond: Respond = async (packet, protocol) => {
    const query = decodeQuery(packet)
    const said = reply(query, protocol)
    if (said === undefined || said instanceof Uint8Array) return said
    const { id, recursionDesired, question } = query
    return encodeResponse({
      id,
      recursionDesired,
      question,
      rcode: 'NOERROR',
      authoritative: false,
      recursionAvailable: true,
      answers: [],
      authority: [],
      additional: [],
      ...said,
    })
  }
  return onAnyPort((port) => serveDNS({ address: ip('127.0.0.1'), port }, respond, silentLog))
}

/** The port that UDP gets by chance may be another's over TCP: then again. */
export async function onAnyPort<T>(listen: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 10; ; tries--) {
    try {
      return await listen(0)
    } catch (error) {
      if (tries === 0) throw error
    }
  }
}
