/** Resources that containers and pods ask for. Source: core/validation v1.36, validateResourceRequirements. */
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../field-error.ts'
import { formatQuantity, parseQuantity, type Quantity } from '../quantity.ts'
import { checkName, isDNS1123Label, isQualifiedName } from '../validation/names.ts'
import { mustNotBeNegative } from '../validation/object-meta.ts'

export interface ResourceRequirements {
  readonly limits?: Amounts
  readonly requests?: Amounts
  readonly claims?: readonly { readonly name?: string; readonly request?: string }[]
}

type Amounts = Readonly<Record<string, string | number>>
/** What is wrong with a resource's name. */
type NameCheck = (name: string, field: string) => FieldError[]

const NANO = 10n ** 9n
const HUGE_PAGES = 'hugepages-'
const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage'])
/** core/helper IsStandardResourceName: what needs no domain. */
const standardResources = new Set([
  ...containerResources,
  ...['requests.cpu', 'requests.memory', 'requests.ephemeral-storage', 'requests.storage'],
  ...['limits.cpu', 'limits.memory', 'limits.ephemeral-storage', 'storage'],
  ...['pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'],
])
const integerResources = new Set([
  ...['pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'],
])

const isStandard = (name: string) => standardResources.has(name) || name.startsWith(HUGE_PAGES)
const isNative = (name: string) => !name.includes('/') || name.includes('kubernetes.io/')

/** `example.com/gpu`: counted in whole numbers, never more promised than there is. */
const isExtended = (name: string) =>
  !isNative(name) &&
  !name.startsWith('requests.') &&
  isQualifiedName(`requests.${name}`).length === 0

/** Limit and request must be one. */
const isOvercommitAllowed = (name: string) => isNative(name) && !name.startsWith(HUGE_PAGES)

/** Containers': standard ones and extended ones. */
export const checkContainerResourceName: NameCheck = (name, field) => {
  const errors = checkResourceName(name, field)
  if (!name.includes('/')) {
    const isFine = containerResources.has(name) || name.startsWith(HUGE_PAGES)
    const detail = 'must be a standard resource for containers'
    return isFine ? errors : [...errors, invalid(field, name, detail)]
  }
  if (isNative(name) || isExtended(name)) return errors
  return [...errors, invalid(field, name, "doesn't follow extended resource name standard")]
}

/** Pods': only what a cgroup can share between containers. */
export const checkPodResourceName: NameCheck = (name, field) => {
  const errors = checkResourceName(name, field)
  const supported = ['cpu', HUGE_PAGES, 'memory']
  if (errors.length > 0 || name === 'cpu' || name === 'memory') return errors
  return name.startsWith(HUGE_PAGES) ? [] : [notSupported(field, name, supported)]
}

function checkResourceName(name: string, field: string): FieldError[] {
  const errors = checkName(isQualifiedName, name, field)
  if (errors.length > 0 || name.includes('/') || isStandard(name)) return errors
  return [invalid(field, name, 'must be a standard resource type or fully qualified')]
}

/** @param claims Names that resources.claims may have. */
export function validateResources(
  resources: ResourceRequirements,
  at: string,
  checkName: NameCheck,
  claims: readonly string[] = [],
): FieldError[] {
  const { limits = {}, requests = {} } = resources
  const names = [...Object.keys(limits), ...Object.keys(requests)]
  const hasHugePages = names.some((name) => name.startsWith(HUGE_PAGES))
  const hasBase = names.some((name) => name === 'cpu' || name === 'memory')
  return [
    ...eachAmount(limits, `${at}.limits`, checkName),
    ...eachAmount(requests, `${at}.requests`, checkName, (name, amount) =>
      checkAgainstLimit(name, amount, limits, at),
    ),
    ...(hasHugePages && !hasBase ? [forbidden(at, 'HugePages require cpu or memory')] : []),
    ...checkClaims(resources.claims ?? [], `${at}.claims`, claims),
  ]
}

/** Go walks maps in random order; ours is sorted, so that answers can be compared. */
function eachAmount(
  amounts: Amounts,
  at: string,
  checkName: NameCheck,
  more: (name: string, amount: Quantity) => FieldError[] = () => [],
): FieldError[] {
  return Object.keys(amounts)
    .sort()
    .flatMap((name) => {
      const field = `${at}[${name}]`
      const amount = parseQuantity(String(amounts[name]))
      if ('error' in amount) return checkName(name, field) // the schema has refused it already
      return [
        ...checkName(name, field),
        ...checkAmount(name, amount, field),
        ...more(name, amount),
        ...checkHugePages(name, amount, field),
      ]
    })
}

function checkAmount(name: string, amount: Quantity, field: string): FieldError[] {
  const isWhole = amount.nanos % NANO === 0n
  const counted = integerResources.has(name) || isExtended(name)
  const text = formatQuantity(amount)
  return [
    ...(amount.nanos < 0n ? [invalid(field, text, mustNotBeNegative)] : []),
    ...(counted && !isWhole ? [invalid(field, text, 'must be an integer')] : []),
  ]
}

function checkHugePages(name: string, amount: Quantity, field: string): FieldError[] {
  if (!name.startsWith(HUGE_PAGES)) return []
  const page = parseQuantity(name.slice(HUGE_PAGES.length))
  const text = formatQuantity(amount)
  const isMultiple = !('error' in page) && page.nanos > 0n && amount.nanos % page.nanos === 0n
  return isMultiple && amount.nanos >= 0n
    ? []
    : [invalid(field, text, `${text} is not positive integer multiple of ${name}`)]
}

function checkAgainstLimit(name: string, amount: Quantity, limits: Amounts, at: string) {
  const text = limits[name]
  if (text === undefined) {
    const detail = 'Limit must be set for non overcommitable resources'
    return isOvercommitAllowed(name) ? [] : [required(`${at}.limits`, detail)]
  }
  const limit = parseQuantity(String(text))
  if ('error' in limit) return []
  const refuse = (relation: string) =>
    invalid(
      `${at}.requests`,
      formatQuantity(amount),
      `must be ${relation} ${name} limit of ${formatQuantity(limit)}`,
    )
  if (!isOvercommitAllowed(name) && amount.nanos !== limit.nanos) return [refuse('equal to')]
  return amount.nanos > limit.nanos ? [refuse('less than or equal to')] : []
}

function checkClaims(
  claims: NonNullable<ResourceRequirements['claims']>,
  at: string,
  known: readonly string[],
): FieldError[] {
  const seen = new Set<string>()
  const withRequest = new Set<string>()
  const isKnown = new Set(known)
  const where = known.length === 0 ? ' which is empty' : `: ${known.toSorted().join(', ')}`
  return claims.flatMap(({ name = '', request = '' }, i) => {
    const field = `${at}[${i}]`
    if (name === '') return [required(field)]
    const key = request === '' ? name : `${name}/${request}`
    const isTaken = seen.has(name) || seen.has(key) || (request === '' && withRequest.has(name))
    seen.add(key)
    if (request !== '') withRequest.add(name)
    const detail = `must be one of the names in pod.spec.resourceClaims${where}`
    return [
      ...(request === '' ? [] : checkName(isDNS1123Label, request, `${field}.request`)),
      ...(isTaken ? [duplicate(field, seen.has(name) ? name : key)] : []),
      ...(isKnown.has(name)
        ? []
        : [{ type: 'NotFound', field, value: name, detail } satisfies FieldError]),
    ]
  })
}
