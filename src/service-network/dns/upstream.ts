import { familyOf, type IP, parseIP } from '#ip/ip.ts'

/** A DNS server that we ask. */
export interface Upstream {
  readonly address: IP
  readonly port: number
}

/** Parses `10.0.0.1`, `10.0.0.1:5353`, `fd00::1` or `[fd00::1]:5353`; `undefined` where the text is none of these. */
export function parseUpstream(text: string): Upstream | undefined {
  const whole = parseIP(text)
  if (whole) return { address: whole, port: 53 }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const address = parseIP(match?.[1] ?? match?.[2] ?? '')
  const port = Number(match?.[3])
  return address && port > 0 && port < 65536 ? { address, port } : undefined
}

export function formatUpstream({ address, port }: Upstream): string {
  return `${familyOf(address) === 6 ? `[${address}]` : address}:${port}`
}

/** The nameservers of a resolv.conf(5), in its order. Lines that name no address are passed over, as resolvers do. */
export function parseResolvConf(text: string): readonly Upstream[] {
  return text
    .split('\n')
    .map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1])
    .map((address) => (address ? parseIP(address) : undefined))
    .filter((address) => address !== undefined)
    .map((address) => ({ address, port: 53 }))
}

/** Whether asking `upstream` would mean asking ourselves: a loop that every query would run through until it times out. */
export function isOwn(
  upstream: Upstream,
  listenPort: number,
  ownAddresses: readonly string[],
): boolean {
  if (upstream.port !== listenPort) return false
  return (
    upstream.address.startsWith('127.') ||
    ['::1', '::', '0.0.0.0'].includes(upstream.address) ||
    ownAddresses.includes(upstream.address)
  )
}
