import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import type {
  Chain,
  Condition,
  Element,
  Field,
  NftPlan,
  NftSet,
  Rule,
  Statement,
} from './nft-plan.ts'
import { elementsOf } from './plan-proxy.ts'

export const TABLE_NAME = 'fairlead-proxy'

/** How nft names the table of one family, in commands and listings. */
export function tableOf(family: Family): string {
  return `${family === 4 ? 'ip' : 'ip6'} ${TABLE_NAME}`
}
/** One command with all elements of a big table would make nft copy its text over and over. */
const ELEMENTS_A_COMMAND = 500

/** Change by change: what {@link renderChanges} makes a transaction of. */
export interface PlanChanges {
  readonly chains: readonly Chain[]
  /** New keys, which are no networks. */
  readonly added: readonly Element[]
  /** Keys that are gone, or come back with another value among `replaced`, or overlap a network there. */
  readonly deleted: readonly Element[]
  readonly replaced: readonly Element[]
}

export const NO_CHANGES: PlanChanges = { chains: [], added: [], deleted: [], replaced: [] }

/** The script that makes these changes, in one transaction: what is added comes first. */
export function renderChanges(
  { chains, added, deleted, replaced }: PlanChanges,
  family: Family,
): string {
  const table = tableOf(family)
  return [
    ...chains.map((chain) => `add chain ${table} ${word(chain.name)}\n`),
    ...chains.map((chain) => renderRules(chain, family)),
    renderElements('add', table, added),
    renderElements('delete', table, deleted),
    renderElements('add', table, replaced),
  ].join('')
}

function renderRules({ name, rules }: Chain, family: Family): string {
  const table = tableOf(family)
  return rules
    .map((rule) => `add rule ${table} ${word(name)} ${renderRule(rule, family)}\n`)
    .join('')
}

/**
 * The script that replaces the whole table by `plan`, whatever was in it, in one transaction. conntrack keeps what flows.
 *
 * @param affinity entries of the map that the kernel fills
 */
export function replaceTable(plan: NftPlan, affinity: readonly Element[] = []): string {
  const family = familyOf(plan.options.nodeIP)
  const table = tableOf(family)
  // A chain must be there before a rule goes to it.
  const chains = [...plan.chains.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const elements = elementsOf(plan).filter(({ set }) => plan.sets.some(({ name }) => name === set))
  return [
    `add table ${table}\ndelete table ${table}\nadd table ${table}\n`,
    ...plan.sets.map((set) => renderSet(set, family)),
    ...chains.map((chain) => renderChainDeclaration(chain, table)),
    ...chains.map((chain) => renderRules(chain, family)),
    renderElements('add', table, elements),
    renderElements('add', table, affinity),
  ].join('')
}

function renderSet(set: NftSet, family: Family): string {
  const kind = set.value === undefined ? 'set' : 'map'
  const size = set.dynamicSize && ` size ${number(set.dynamicSize)}; flags dynamic,timeout;`
  const flags = set.interval ? ' flags interval;' : (size ?? '')
  return `add ${kind} ${tableOf(family)} ${word(set.name)} { ${renderType(set, family)};${flags} }\n`
}

/** The number of a slot has no type by name: only `typeof` can declare it. */
function renderType({ key, value }: NftSet, family: Family): string {
  const needsTypeof = key.includes('slot') || key.includes('meta priority')
  const [keyword, render] = needsTypeof
    ? (['typeof', (fields: readonly Field[]) => renderKey(fields, family)] as const)
    : (['type', (fields: readonly Field[]) => typeNames(fields, family)] as const)
  const from = `${keyword} ${render(key)}`
  if (value === undefined) return from
  return `${from} : ${value === 'verdict' ? value : render(value)}`
}

function typeNames(fields: readonly Field[], family: Family): string {
  const typeName = (field: Field) => {
    if (field === 'meta l4proto') return 'inet_proto'
    if (field === 'meta priority') return 'classid'
    if (!field.endsWith('addr')) return 'inet_service'
    return family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  }
  return fields.map(typeName).join(' . ')
}

function renderChainDeclaration({ name, base }: Chain, table: string): string {
  // nft 1.0.6 knows the name `dstnat` in prerouting only; numbers it knows everywhere.
  const hook = base
    ? ` { type ${base.type} hook ${base.hook} priority ${number(base.priority)}; policy accept; }`
    : ''
  return `add chain ${table} ${word(name)}${hook}\n`
}

export function renderRule({ when, do: statement }: Rule, family: Family): string {
  const conditions = when.map((condition) => renderCondition(condition, family))
  return [...conditions, renderStatement(statement, family)].join(' ')
}

function renderCondition(condition: Condition, family: Family): string {
  switch (condition.kind) {
    case 'new':
      return 'ct state new'
    case 'dnatted':
      return 'ct status dnat'
    case 'invalid':
      return 'ct state invalid'
    case 'local-source':
      return 'fib saddr type local'
    case 'echo-request':
      return family === 4 ? 'icmp type echo-request' : 'icmpv6 type echo-request'
    case 'protocol':
      return `meta l4proto ${word(condition.is)}`
    case 'address': {
      const network = renderPart(condition.network)
      return `${renderField(condition.field, family)}${condition.not ? ' !=' : ''} ${network}`
    }
    case 'device':
      return `${condition.field}${condition.not ? ' !=' : ''} "${word(condition.name)}${condition.prefix ? '*' : ''}"`
    case 'in-set':
      // nft 1.0.6 takes `proto-dst` only where it reads the protocols there and then.
      if (condition.set === 'ported-protocols') return 'meta l4proto { tcp, udp, sctp }'
      return `${renderKey(condition.key, family)}${condition.not ? ' !=' : ''} @${word(condition.set)}`
  }
}

function renderStatement(statement: Statement, family: Family): string {
  switch (statement.kind) {
    case 'accept':
    case 'drop':
      return statement.kind
    case 'goto':
      return `goto ${word(statement.chain)}`
    case 'vmap':
      return `${renderKey(statement.key, family)} vmap @${word(statement.map)}`
    case 'reject':
      return `reject with ${family === 6 ? statement.with.replace('icmp', 'icmpv6') : statement.with}`
    case 'masquerade':
      return 'masquerade fully-random'
    case 'dnat':
      return `dnat to ${word(statement.to)}`
    case 'dnat-map':
      return `dnat to ${renderKey(statement.key, family, statement.slots)} map @${word(statement.map)}`
    case 'choose':
      return `meta priority set ${renderKey(statement.key, family)} map @${word(statement.map)}`
    case 'forget-choice':
      return 'meta priority set 0'
    case 'count': {
      const { set, key, timeoutSeconds } = statement
      return `update @${word(set)} { ${renderKey(key, family)} timeout ${number(timeoutSeconds)}s counter }`
    }
    case 'delete': {
      const { map, key, value } = statement
      return `delete @${word(map)} { ${renderKey(key, family)} : ${renderKey(value, family)} }`
    }
    case 'update': {
      const { map, key, value, timeoutSeconds } = statement
      return `update @${word(map)} { ${renderKey(key, family)} timeout ${number(timeoutSeconds)}s : ${renderKey(value, family)} }`
    }
  }
}

/** @param slots in a declaration only the type of the slot counts */
function renderKey(key: readonly Field[], family: Family, slots = 2): string {
  const render = (field: Field) =>
    field === 'slot' ? `numgen random mod ${number(slots)}` : renderField(field, family)
  return key.map(render).join(' . ')
}

/** The plan says `ip` for either family. */
function renderField(field: Exclude<Field, 'slot'>, family: Family): string {
  return family === 6 ? field.replace(/\bip\b/, 'ip6') : field
}

function renderElements(
  verb: 'add' | 'delete',
  table: string,
  elements: readonly Element[],
): string {
  const bySet = Map.groupBy(elements, ({ set }) => set)
  let script = ''
  for (const [set, all] of bySet) {
    for (let at = 0; at < all.length; at += ELEMENTS_A_COMMAND) {
      const some = all.slice(at, at + ELEMENTS_A_COMMAND)
      const texts = some.map(verb === 'add' ? renderElement : renderElementKey)
      script += `${verb} element ${table} ${word(set)} { ${texts.join(', ')} }\n`
    }
  }
  return script
}

function renderElement(element: Element): string {
  const { value, timeoutSeconds, expiresSeconds } = element
  const times =
    timeoutSeconds === undefined
      ? ''
      : ` timeout ${number(timeoutSeconds)}s expires ${number(expiresSeconds ?? timeoutSeconds)}s`
  return `${renderElementKey(element)}${times}${value ? ` : ${renderElementValue(value)}` : ''}`
}

export function renderElementKey({ key }: Element): string {
  return key.map(renderPart).join(' . ')
}

export function renderElementValue(value: NonNullable<Element['value']>): string {
  switch (value.kind) {
    case 'endpoint':
      return `${word(value.ip)} . ${number(value.port)}`
    case 'choice':
      return number(value.choice)
    case 'goto':
      return `goto ${word(value.chain)}`
    default:
      return value.kind
  }
}

function renderPart(part: Element['key'][number]): string {
  if (typeof part === 'number') return number(part)
  return word(typeof part === 'string' ? part : formatCIDR(part satisfies CIDR))
}

/** The one gate: nothing else of a plan's values becomes text. @throws SyntaxError where text could mean more than a name or an address */
function word(text: string): string {
  if (!/^(?:[A-Za-z0-9]|::)[A-Za-z0-9._:/-]*$/.test(text)) {
    throw new SyntaxError(
      `Cannot write ${JSON.stringify(text)} into an nft script: not a plain word`,
    )
  }
  return text
}

function number(value: number): string {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`Cannot write ${value} into an nft script: not a whole number`)
  }
  return String(value)
}
