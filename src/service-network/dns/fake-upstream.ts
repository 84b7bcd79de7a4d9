import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { decodeQuery } from '#wire/dns/decode-message.ts'
import { encodeResponse } from '#wire/dns/encode-message.ts'
import type { QueryMessage, ResponseMessage } from '#wire/dns/message.ts'
import type { Protocol } from './exchange.ts'
import { type DNSServer, serveDNS } from './server.ts'

type Reply = Partial<ResponseMessage> | Uint8Array | undefined

/** A nameserver on loopback, for tests: answers what `reply` says, or not at all. */
export async function startFakeUpstream(
  reply: (query: QueryMessage, protocol: Protocol) => Reply,
): Promise<DNSServer> {
  return serveOnAnyPort(async (packet, protocol) => {
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
  })
}

/** The port that UDP gets by chance may be another's over TCP: then again. */
async function serveOnAnyPort(respond: Parameters<typeof serveDNS>[1]): Promise<DNSServer> {
  for (let tries = 10; ; tries--) {
    try {
      return await serveDNS({ address: ip('127.0.0.1'), port: 0 }, respond, silentLog)
    } catch (error) {
      if (tries === 0) throw error
    }
  }
}
