import { isDeepStrictEqual } from 'node:util'
import type { Family } from '#ip/ip.ts'
import type { SavedTables } from '#kernel/iptables/parse-save.ts'
import { formatRestoreLine } from '#kernel/iptables/restore-line.ts'
import type { Chains, Jump, Rule, Table } from './rule.ts'
import { wordsOf, wordsOfJump } from './rule-words.ts'

const TABLES: readonly Table[] = ['nat', 'filter']

/**
 * A script for iptables-restore --noflush that makes our chains what they shall be, and puts in those jumps that are missing. Chains and
 * rules of others are not in it.
 */
export function renderChains(wanted: Chains, saved: SavedTables, family: Family): string {
  return renderTables((table) => [
    ...wanted.chains.filter((chain) => chain.table === table).map(({ name }) => `:${name} - [0:0]`),
    ...wanted.jumps
      .filter((jump) => jump.table === table && !isThere(jump, saved, family))
      .map((jump) => {
        const put = jump.at === 'first' ? ['-I', jump.from, '1'] : ['-A', jump.from]
        return formatRestoreLine([...put, ...wordsOfJump(jump, family)])
      }),
    ...wanted.chains
      .filter((chain) => chain.table === table)
      .flatMap(({ name, rules }) =>
        rules.map((rule) => formatRestoreLine(['-A', name, ...wordsOf(rule, family)])),
      ),
  ])
}

/** A script that takes away what of these chains and jumps there is; empty where there is nothing. */
export function renderRemoval(unwanted: Chains, saved: SavedTables, family: Family): string {
  return renderTables((table) => {
    const names = unwanted.chains
      .filter((chain) => chain.table === table && saved.get(table)?.has(chain.name))
      .map(({ name }) => name)
    const jumps = unwanted.jumps.filter(
      (jump) => jump.table === table && isThere(jump, saved, family),
    )
    return [
      // Emptied first: they refer to each other.
      ...names.map((name) => `:${name} - [0:0]`),
      ...jumps.map((jump) => formatRestoreLine(['-D', jump.from, ...wordsOfJump(jump, family)])),
      ...names.map((name) => `-X ${name}`),
    ]
  })
}

/**
 * A script that brings our chains from one plan to another, by what changed: new rules go behind those that stay. Only for chains whose
 * rules may stand in any order. Empty where nothing changed.
 */
export function renderChanges(from: Chains, to: Chains, family: Family): string {
  return renderTables((table) =>
    to.chains
      .filter((chain) => chain.table === table)
      .flatMap(({ name, rules }) => {
        const before = from.chains.find((chain) => chain.table === table && chain.name === name)
        const lines = (some: readonly Rule[]) =>
          some.map((rule) => formatRestoreLine([name, ...wordsOf(rule, family)]))
        const [old, wanted] = [lines(before?.rules ?? []), lines(rules)]
        const [oldSet, wantedSet] = [new Set(old), new Set(wanted)]
        return [
          ...old.filter((line) => !wantedSet.has(line)).map((line) => `-D ${line}`),
          ...wanted.filter((line) => !oldSet.has(line)).map((line) => `-A ${line}`),
        ]
      }),
  )
}

/** Whether the kernel holds our chains, rule for rule in some order, and all jumps to them. */
export function areIntact(wanted: Chains, saved: SavedTables, family: Family): boolean {
  return (
    wanted.jumps.every((jump) => isThere(jump, saved, family)) &&
    wanted.chains.every(({ table, name, rules }) =>
      isDeepStrictEqual(
        saved.get(table)?.get(name)?.rules.map(joined).sort(),
        rules.map((rule) => joined(wordsOf(rule, family))).sort(),
      ),
    )
  )
}

function joined(words: readonly string[]): string {
  return words.join(' ')
}

function isThere(jump: Jump, saved: SavedTables, family: Family): boolean {
  const words = wordsOfJump(jump, family)
  const rules = saved.get(jump.table)?.get(jump.from)?.rules ?? []
  return rules.some((rule) => isDeepStrictEqual(rule, words))
}

function renderTables(linesOf: (table: Table) => readonly string[]): string {
  return TABLES.map((table) => ({ table, lines: linesOf(table) }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ table, lines }) => `*${table}\n${lines.join('\n')}\nCOMMIT\n`)
    .join('')
}
