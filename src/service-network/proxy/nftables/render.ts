import { type CIDR, formatCIDR } from '#ip/cidr.ts'
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

export const TABLE = 'fairlead-proxy'
const WHERE = `ip ${TABLE}`
/** One command with all elements of a big table would make nft copy its text over and over. */
const ELEMENTS_A_COMMAND = 500

/** Change by change: what {@link renderChanges} makes a transaction of. */
export interface PlanChanges {
  readonly chains: readonly Chain[]
  /** New keys. */
  readonly added: readonly Element[]
  /** Keys that are gone, or come back with another value among `replaced`. */
  readonly deleted: readonly Element[]
  readonly replaced: readonly Element[]
}

export const NO_CHANGES: PlanChanges = { chains: [], added: [], deleted: [], replaced: [] }

/** The script that makes these changes, in one transaction: what is added comes first. */
export function renderChanges({ chains, added, deleted, replaced }: PlanChanges): string {
  return [
    ...chains.map((chain) => `add chain ${WHERE} ${word(chain.name)}\n`),
    ...chains.flatMap(({ name, rules }) =>
      rules.map((rule) => `add rule ${WHERE} ${word(name)} ${renderRule(rule)}\n`),
    ),
    renderElements('add', added),
    renderElements('delete', deleted),
    renderElements('add', replaced),
  ].join('')
}

/**
 * The script that replaces the whole table by `plan`, whatever was in it, in one transaction. conntrack keeps what flows.
 *
 * @param affinity entries of the map that the kernel fills
 */
export function replaceTable(plan: NftPlan, affinity: readonly Element[] = []): string {
  // A chain must be there before a rule goes to it.
  const chains = [...plan.chains.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const elements = [...plan.services.keys()]
    .sort()
    .flatMap((key) => plan.services.get(key)!.elements)
  return [
    `add table ${WHERE}\ndelete table ${WHERE}\nadd table ${WHERE}\n`,
    ...plan.sets.map(renderSet),
    ...chains.map(renderChainDeclaration),
    ...chains.flatMap(({ name, rules }) =>
      rules.map((rule) => `add rule ${WHERE} ${word(name)} ${renderRule(rule)}\n`),
    ),
    renderElements('add', elements),
    renderElements('add', plan.shared),
    renderElements('add', affinity),
  ].join('')
}

function renderSet(set: NftSet): string {
  const kind = set.value === undefined ? 'set' : 'map'
  const size = set.dynamicSize && ` size ${number(set.dynamicSize)}; flags dynamic,timeout;`
  const flags = set.interval ? ' flags interval;' : (size ?? '')
  return `add ${kind} ${WHERE} ${word(set.name)} { ${renderType(set)};${flags} }\n`
}

/** The number of a slot has no type by name: only `typeof` can declare it. */
function renderType({ key, value }: NftSet): string {
  const [keyword, render] = key.includes('slot')
    ? (['typeof', (fields: readonly Field[]) => renderKey(fields)] as const)
    : (['type', (fields: readonly Field[]) => fields.map(typeName).join(' . ')] as const)
  const from = `${keyword} ${render(key)}`
  if (value === undefined) return from
  return `${from} : ${value === 'verdict' ? value : render(value)}`
}

function typeName(field: Field): string {
  if (field === 'meta l4proto') return 'inet_proto'
  return field.endsWith('addr') ? 'ipv4_addr' : 'inet_service'
}

function renderChainDeclaration({ name, base }: Chain): string {
  // nft 1.0.6 knows the name `dstnat` in prerouting only; numbers it knows everywhere.
  const hook = base
    ? ` { type ${base.type} hook ${base.hook} priority ${number(base.priority)}; policy accept; }`
    : ''
  return `add chain ${WHERE} ${word(name)}${hook}\n`
}

export function renderRule({ when, do: statement }: Rule): string {
  return [...when.map(renderCondition), renderStatement(statement)].join(' ')
}

function renderCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'new':
      return 'ct state new'
    case 'dnatted':
      return 'ct status dnat'
    case 'echo-request':
      return 'icmp type echo-request'
    case 'protocol':
      return condition.of.length === 1
        ? `meta l4proto ${word(condition.of[0]!)}`
        : `meta l4proto { ${condition.of.map(word).join(', ')} }`
    case 'address': {
      const network = renderPart(condition.network)
      return `${condition.field}${condition.not ? ' !=' : ''} ${network}`
    }
    case 'device':
      return `${condition.field}${condition.not ? ' !=' : ''} "${word(condition.name)}"`
    case 'in-set':
      return `${renderKey(condition.key)}${condition.not ? ' !=' : ''} @${word(condition.set)}`
  }
}

function renderStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'accept':
    case 'drop':
      return statement.kind
    case 'goto':
      return `goto ${word(statement.chain)}`
    case 'vmap':
      return `${renderKey(statement.key)} vmap @${word(statement.map)}`
    case 'reject':
      return `reject with ${statement.with}`
    case 'masquerade':
      return 'masquerade fully-random'
    case 'dnat':
      return `dnat to ${word(statement.to)}`
    case 'dnat-map':
      return `dnat to ${renderKey(statement.key, statement.slots)} map @${word(statement.map)}`
    case 'update': {
      const { map, key, value, timeoutSeconds } = statement
      return `update @${word(map)} { ${renderKey(key)} timeout ${number(timeoutSeconds)}s : ${renderKey(value)} }`
    }
  }
}

/** @param slots in a declaration only the type of the slot counts */
function renderKey(key: readonly Field[], slots = 2): string {
  return key
    .map((field) => (field === 'slot' ? `numgen random mod ${number(slots)}` : field))
    .join(' . ')
}

function renderElements(verb: 'add' | 'delete', elements: readonly Element[]): string {
  const bySet = Map.groupBy(elements, ({ set }) => set)
  let script = ''
  for (const [set, all] of bySet) {
    for (let at = 0; at < all.length; at += ELEMENTS_A_COMMAND) {
      const some = all.slice(at, at + ELEMENTS_A_COMMAND)
      const texts = some.map(verb === 'add' ? renderElement : renderElementKey)
      script += `${verb} element ${WHERE} ${word(set)} { ${texts.join(', ')} }\n`
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
  return value.kind === 'endpoint'
    ? `${word(value.ip)} . ${number(value.port)}`
    : renderStatement(value)
}

function renderPart(part: Element['key'][number]): string {
  if (typeof part === 'number') return number(part)
  return word(typeof part === 'string' ? part : formatCIDR(part satisfies CIDR))
}

/** The one gate: nothing else of a plan's values becomes text. @throws SyntaxError where text could mean more than a name or an address */
function word(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/.test(text)) {
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
