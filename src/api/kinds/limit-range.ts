import { duplicate, type FieldError, forbidden, invalid, required } from '../field-error.ts'
import type { LimitRange, LimitRangeItem } from '../limits.ts'
import { limitRanges } from '../resources.ts'
import { checkName, isDNS1123Subdomain, isQualifiedName } from '../validation/names.ts'
import { findRepeats } from '../validation/repeats.ts'
import type { ResourceList } from '../volumes.ts'
import { defineKind } from './define-kind.ts'
import { compareQuantities, nanosOf } from './quantity-validation.ts'
import { isOvercommitAllowed, validateResourceName } from './resource-name-validation.ts'

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim']

// Source: core/v1/defaults.go SetDefaults_LimitRangeItem and core/validation ValidateLimitRange.
export const limitRange = defineKind<LimitRange>({
  resource: limitRanges,
  singular: 'limitrange',
  shortNames: ['limits'],
  nameRule: isDNS1123Subdomain,
  default: (object) => {
    const { limits } = object.spec ?? {}
    return limits
      ? { ...object, spec: { ...object.spec, limits: limits.map(defaultItem) } }
      : object
  },
  validate: ({ spec = {} }) => {
    const { limits = [] } = spec
    return findRepeats(limits, ({ type }) => type).flatMap((isRepeat, index) =>
      validateItem(limits[index]!, index, isRepeat),
    )
  },
})

/** A container's default limit is the maximum, its default request that limit, or else the minimum. */
function defaultItem(item: LimitRangeItem): LimitRangeItem {
  if (item.type !== 'Container') return item
  const limit = { ...item.max, ...item.default }
  const request = { ...item.min, ...limit, ...item.defaultRequest }
  return {
    ...item,
    ...(Object.keys(limit).length > 0 ? { default: limit } : {}),
    ...(Object.keys(request).length > 0 ? { defaultRequest: request } : {}),
  }
}

function validateItem(item: LimitRangeItem, index: number, isRepeat: boolean): FieldError[] {
  const at = `spec.limits[${index}]`
  const { type = '', min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = item
  const isPod = type === 'Pod'
  const lists = { max, min, default: item.default ?? {}, defaultRequest: item.defaultRequest ?? {} }
  const checked = isPod ? { max, min } : lists
  const names = (list: ResourceList, key: string) =>
    Object.keys(list).flatMap((name) => validateResourceName(name, `${at}.${key}[${name}]`))
  const keys = new Set([...Object.values(checked), ratios].flatMap((list) => Object.keys(list)))
  return [
    ...validateType(type, `${at}.type`),
    ...(isRepeat ? [duplicate(`${at}.type`, type)] : []),
    ...Object.entries(checked).flatMap(([key, list]) => names(list, key)),
    ...(isPod
      ? (['default', 'defaultRequest'] as const).flatMap((key) =>
          Object.keys(lists[key]).length > 0
            ? [forbidden(`${at}.${key}`, "may not be specified when `type` is 'Pod'")]
            : [],
        )
      : []),
    ...(type === 'PersistentVolumeClaim' && !min.storage && !max.storage
      ? [
          required(
            `${at}.limits`,
            'either minimum or maximum storage value is required, but neither was provided',
          ),
        ]
      : []),
    ...names(ratios, 'maxLimitRequestRatio'),
    ...[...keys]
      .sort()
      .flatMap((key) => validateOrder(key, isPod ? { max, min } : lists, ratios, at)),
  ]
}

function validateType(type: string, field: string): FieldError[] {
  const errors = checkName(isQualifiedName, type, field)
  if (errors.length > 0 || type.includes('/') || TYPES.includes(type)) return errors
  return [invalid(field, type, 'must be a standard limit type or fully qualified')]
}

function validateOrder(
  key: string,
  lists: Readonly<Partial<Record<'max' | 'min' | 'default' | 'defaultRequest', ResourceList>>>,
  ratios: ResourceList,
  at: string,
): FieldError[] {
  const [min, max] = [lists.min?.[key], lists.max?.[key]]
  const [limit, request] = [lists.default?.[key], lists.defaultRequest?.[key]]
  const inOrder = (
    low: string | undefined,
    high: string | undefined,
    where: string,
    shown: string | undefined,
    words: readonly [string, string],
  ) =>
    low !== undefined && high !== undefined && compareQuantities(low, high) > 0
      ? [
          invalid(
            `${at}.${where}[${key}]`,
            shown,
            `${words[0]} ${low} is greater than ${words[1]} ${high}`,
          ),
        ]
      : []
  const isUneven =
    limit !== undefined && request !== undefined && compareQuantities(limit, request) !== 0
  return [
    ...inOrder(min, max, 'min', min, ['min value', 'max value']),
    ...inOrder(min, request, 'defaultRequest', request, ['min value', 'default request value']),
    ...inOrder(request, max, 'defaultRequest', request, ['default request value', 'max value']),
    ...inOrder(request, limit, 'defaultRequest', request, [
      'default request value',
      'default limit value',
    ]),
    ...inOrder(min, limit, 'default', min, ['min value', 'default value']),
    ...inOrder(limit, max, 'default', max, ['default value', 'max value']),
    ...validateRatio(key, ratios[key], min, max, at),
    ...(!isOvercommitAllowed(key) && isUneven
      ? [
          invalid(
            `${at}.defaultRequest[${key}]`,
            request,
            `default value ${limit} must equal to defaultRequest value ${request} in ${key}`,
          ),
        ]
      : []),
  ]
}

function validateRatio(
  key: string,
  ratio: string | undefined,
  min: string | undefined,
  max: string | undefined,
  at: string,
): FieldError[] {
  if (ratio === undefined) return []
  const field = `${at}.maxLimitRequestRatio[${key}]`
  const value = Number(nanosOf(ratio)) / 1e9
  const limit =
    min !== undefined && max !== undefined ? Number(nanosOf(max)) / Number(nanosOf(min)) : Infinity
  return [
    ...(value < 1 ? [invalid(field, ratio, `ratio ${ratio} is less than 1`)] : []),
    ...(value > limit
      ? [invalid(field, ratio, `ratio ${ratio} is greater than max/min = ${limit.toFixed(6)}`)]
      : []),
  ]
}
