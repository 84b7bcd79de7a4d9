/** What iptables-save printed, by table and chain, in its order. */
export type SavedTables = ReadonlyMap<string, ReadonlyMap<string, SavedChain>>

export interface SavedChain {
  /** `ACCEPT` or `DROP` of a built-in chain; `-` of others. */
  readonly policy: string
  readonly counters: { readonly packets: bigint; readonly bytes: bigint }
  /** Each rule's arguments, without `-A CHAIN`. */
  readonly rules: readonly (readonly string[])[]
}

/** Far above what 30,000 Services have (700,000 lines). */
const MAX_LINES = 5_000_000

/**
 * Reads iptables-save's output, or a script for iptables-restore. Lines that are neither are left out: a tool of another version may say
 * more than we know.
 * @throws RangeError beyond five million lines
 */
export function parseSave(text: string): SavedTables {
  const tables = new Map<
    string,
    Map<string, { -readonly [K in keyof SavedChain]: SavedChain[K] }>
  >()
  let chains: ReturnType<typeof tables.get>
  let lines = 0
  for (const line of linesOf(text)) {
    if (++lines > MAX_LINES)
      throw new RangeError(`Cannot parse rules: more than ${MAX_LINES} lines`)
    if (line.startsWith('*')) {
      chains = tables.get(line.slice(1)) ?? new Map()
      tables.set(line.slice(1), chains)
    } else if (line.startsWith(':')) {
      const [, name, policy, packets, bytes] = /^:(\S+) (\S+)(?: \[(\d+):(\d+)\])?/.exec(line) ?? []
      if (name === undefined || policy === undefined) continue
      const counters = { packets: BigInt(packets ?? 0), bytes: BigInt(bytes ?? 0) }
      chains?.set(name, { policy, counters, rules: [] })
    } else if (/^(\[\d+:\d+\] )?-A /.test(line)) {
      const [name = '', ...rule] = splitRestoreLine(line.slice(line.indexOf('-A ') + 3))
      const chain = chains?.get(name)
      if (chain) (chain.rules as (readonly string[])[]).push(rule)
    }
  }
  return tables
}

function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start)
    const end = found < 0 ? text.length : found
    yield text.slice(start, end)
    start = end + 1
  }
}

/** The arguments of one line, as iptables-restore takes it apart: blanks part them, unless between double quotes, where `\` escapes. */
export function splitRestoreLine(line: string): readonly string[] {
  const args: string[] = []
  for (const [found] of line.matchAll(/(?:"(?:[^"\\]|\\.)*"?|[^\s"])+/g)) {
    args.push(
      found.replaceAll(/"((?:[^"\\]|\\.)*)"?/g, (_, quoted: string) =>
        quoted.replaceAll(/\\(.)/g, '$1'),
      ),
    )
  }
  return args
}
