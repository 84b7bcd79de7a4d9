import { type Family, ip } from '#ip/ip.ts'

/** The prefix lengths of packet-flows.ts. */
const PREFIXES: Readonly<Record<string, number>> = { 16: 48, 24: 64, 25: 119, 32: 128 }

/**
 * Says in IPv6 what tests say in IPv4: 10.244.1.7 becomes fd00:10:244:1::7, 10.244.0.0/16 becomes fd00:10:244::/48, wherever it stands in
 * a value. So one table of packet flows is that of both families.
 */
export function inFamily<T>(family: Family, value: T): T {
  return family === 4 ? value : (translate(value) as T)
}

function translate(value: unknown): unknown {
  if (typeof value === 'string') return translateText(value)
  if (Array.isArray(value)) return value.map(translate)
  if (typeof value !== 'object' || value === null) return value
  const { address, prefixLength } = value as { address?: unknown; prefixLength?: number }
  if (typeof address === 'string' && prefixLength !== undefined)
    return { address: translateText(address), prefixLength: PREFIXES[prefixLength] }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, translate(each)]))
}

function translateText(text: string): string {
  if (text === 'IPv4') return 'IPv6'
  return text
    .replace(
      /(\d+\.\d+\.\d+\.\d+)\/(\d+)/g,
      (_, address, length) => `${v6Of(address)}/${PREFIXES[length]}`,
    )
    .replace(/(\d+\.\d+\.\d+\.\d+):/g, (_, address) => `[${v6Of(address)}]:`)
    .replace(/\d+\.\d+\.\d+\.\d+/g, v6Of)
}

function v6Of(address: string): string {
  const [a, b, c, d] = address.split('.')
  return ip(`fd00:${a}:${b}:${c}::${d}`)
}
