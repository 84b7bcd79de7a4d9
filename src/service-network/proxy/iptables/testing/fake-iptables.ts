import type { AsyncIptables } from '#kernel/iptables/async-iptables.ts'
import { splitRestoreLine } from '#kernel/iptables/parse-save.ts'
import { formatRestoreLine } from '#kernel/iptables/restore-line.ts'
import { KernelError } from '#kernel/kernel-error.ts'

/**
 * iptables that only keeps rules, and refuses what the kernel refuses: a jump to no chain, the deletion of a chain that holds rules or
 * that rules go to. A table of a script changes wholly or not at all.
 */
export interface FakeIptables extends AsyncIptables {
  /** The scripts so far. */
  readonly scripts: readonly string[]
  /** Makes the next script fail. */
  failOnce(): void
}

type Chains = Map<string, (readonly string[])[]>

const BUILT_IN = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']

export function createFakeIptables(): FakeIptables {
  const tables = new Map<string, Chains>()
  const scripts: string[] = []
  let failure = false
  return {
    family: 4,
    variant: 'nft',
    version: '1.8.9',
    scripts,
    failOnce: () => {
      failure = true
    },
    async restore(script) {
      scripts.push(script)
      if (failure) {
        failure = false
        throw new KernelError('restore iptables rules', 'EAGAIN')
      }
      for (const [, table = '', body = ''] of script.matchAll(/^\*(\w+)\n(.*?)^COMMIT$/gms)) {
        const held = tables.get(table) ?? new Map(BUILT_IN.map((chain) => [chain, []]))
        const chains: Chains = new Map([...held].map(([chain, rules]) => [chain, [...rules]]))
        for (const line of body.trimEnd().split('\n')) runLine(chains, line)
        tables.set(table, chains)
      }
    },
    async save(only) {
      return [...tables]
        .filter(([table]) => only === undefined || table === only)
        .map(([table, chains]) => saveTable(table, chains))
        .join('')
    },
    async run() {
      return ''
    },
    has: async () => false,
    [Symbol.dispose]() {},
  }
}

function saveTable(table: string, chains: Chains): string {
  const names = [...chains.keys()].sort()
  const lines = names.map((chain) => `:${chain} ${BUILT_IN.includes(chain) ? 'ACCEPT' : '-'} [0:0]`)
  for (const chain of names) {
    for (const rule of chains.get(chain)!) lines.push(formatRestoreLine(['-A', chain, ...rule]))
  }
  return `*${table}\n${lines.join('\n')}\nCOMMIT\n`
}

function runLine(chains: Chains, line: string): void {
  if (line.startsWith(':')) {
    chains.set(line.slice(1, line.indexOf(' ')), [])
    return
  }
  const [command, chain = '', ...args] = splitRestoreLine(line)
  const rules = chains.get(chain)
  if (!rules) throw new Error(`no chain: ${line}`)
  const target = targetOf(args)
  if (target.startsWith('KUBE-') && command !== '-D' && !chains.has(target))
    throw new Error(`no target: ${line}`)
  switch (command) {
    case '-A':
      rules.push(args)
      break
    case '-I':
      rules.unshift(args.slice(1))
      break
    case '-D':
      remove(rules, args, line)
      break
    case '-X':
      if (rules.length > 0) throw new Error(`not empty: ${line}`)
      if ([...chains.values()].flat().some((rule) => targetOf(rule) === chain))
        throw new Error(`in use: ${line}`)
      chains.delete(chain)
      break
    default:
      throw new Error(`unknown: ${line}`)
  }
}

function remove(rules: (readonly string[])[], args: readonly string[], line: string): void {
  const at = rules.findIndex((rule) => rule.join('\0') === args.join('\0'))
  if (at < 0) throw new Error(`no rule: ${line}`)
  rules.splice(at, 1)
}

function targetOf(args: readonly string[]): string {
  return args[args.indexOf('-j') + 1] ?? ''
}
