/** Rules of a Job's podFailurePolicy and successPolicy. Source: batch/validation v1.36. */
import type { JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from '../batch.ts'
import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  omitted,
  quoteLikeGo,
  required,
  tooLong,
  tooMany,
} from '../field-error.ts'
import { countIndexes, parseIndexes } from '../job-indexes.ts'
import { checkName, isQualifiedName } from '../validation/names.ts'
import { findRepeats } from '../validation/repeats.ts'
import { validateCounts } from './deployment.ts'

const MAX_RULES = 20
const MAX_PATTERNS = 20
const MAX_EXIT_CODES = 255
const MAX_INDEXES_BYTES = 64 * 1024
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const OPERATORS = ['In', 'NotIn']
const STATUSES = ['False', 'True', 'Unknown']

/** Go's %q of a list. */
const listed = (values: readonly string[]) => `valid values: [${values.map(quoteLikeGo).join(' ')}]`

const checkOneOf = (value: string | undefined, known: readonly string[], at: string) => {
  if (!value) return [required(at, listed(known))]
  return known.includes(value) ? [] : [notSupported(at, value, known)]
}

export function validatePodFailurePolicy(spec: JobSpec, at: string): FieldError[] {
  const { rules = [] } = spec.podFailurePolicy ?? {}
  const { containers, initContainers = [] } = spec.template.spec
  const names = new Set([...containers, ...initContainers].map(({ name }) => name))
  return [
    ...(rules.length > MAX_RULES ? [tooMany(`${at}.rules`, rules.length, MAX_RULES)] : []),
    ...rules.flatMap((rule, index) => validateRule(rule, spec, names, `${at}.rules[${index}]`)),
  ]
}

function validateRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  names: ReadonlySet<string>,
  at: string,
): FieldError[] {
  const { action, onExitCodes, onPodConditions = [] } = rule
  const hasConditions = onPodConditions.length > 0
  return [
    ...(action === 'FailIndex' && spec.backoffLimitPerIndex === undefined
      ? [invalid(`${at}.action`, action, 'requires the backoffLimitPerIndex to be set')]
      : checkOneOf(action, ACTIONS, `${at}.action`)),
    ...(onExitCodes ? validateExitCodes(onExitCodes, names, `${at}.onExitCodes`) : []),
    ...validateConditions(onPodConditions, `${at}.onPodConditions`),
    ...(onExitCodes && hasConditions
      ? [invalid(at, omitted, 'specifying both OnExitCodes and OnPodConditions is not supported')]
      : []),
    ...(!onExitCodes && !hasConditions
      ? [invalid(at, omitted, 'specifying one of OnExitCodes and OnPodConditions is required')]
      : []),
  ]
}

function validateConditions(
  patterns: NonNullable<PodFailurePolicyRule['onPodConditions']>,
  at: string,
): FieldError[] {
  return [
    ...(patterns.length > MAX_PATTERNS ? [tooMany(at, patterns.length, MAX_PATTERNS)] : []),
    ...patterns.flatMap(({ type = '', status }, index) => [
      ...checkName(isQualifiedName, type, `${at}[${index}].type`),
      ...checkOneOf(status, STATUSES, `${at}[${index}].status`),
    ]),
  ]
}

function validateExitCodes(
  { operator, containerName, values = [] }: NonNullable<PodFailurePolicyRule['onExitCodes']>,
  names: ReadonlySet<string>,
  at: string,
): FieldError[] {
  const field = `${at}.values`
  const isRepeat = findRepeats(values, (value) => value)
  const isOrdered = values.every((value, index) => index === 0 || values[index - 1]! <= value)
  return [
    ...checkOneOf(operator, OPERATORS, `${at}.operator`),
    ...(containerName === undefined || names.has(containerName)
      ? []
      : [
          invalid(
            `${at}.containerName`,
            containerName,
            'must be one of the container or initContainer names in the pod template',
          ),
        ]),
    ...(values.length === 0 ? [invalid(field, values, 'at least one value is required')] : []),
    ...(values.length > MAX_EXIT_CODES ? [tooMany(field, values.length, MAX_EXIT_CODES)] : []),
    ...values.flatMap((value, index) => [
      ...(operator === 'In' && value === 0
        ? [invalid(`${field}[${index}]`, value, 'must not be 0 for the In operator')]
        : []),
      ...(isRepeat[index] ? [duplicate(`${field}[${index}]`, value)] : []),
    ]),
    ...(isOrdered ? [] : [invalid(field, values, 'must be ordered')]),
  ]
}

export function validateSuccessPolicy(spec: JobSpec, at: string): FieldError[] {
  if (spec.completionMode !== 'Indexed') {
    return [invalid(at, spec.successPolicy, 'requires indexed completion mode')]
  }
  const { rules = [] } = spec.successPolicy ?? {}
  return [
    ...(rules.length === 0
      ? [
          required(
            `${at}.rules`,
            'at least one rules must be specified when the successPolicy is specified',
          ),
        ]
      : []),
    ...(rules.length > MAX_RULES ? [tooMany(`${at}.rules`, rules.length, MAX_RULES)] : []),
    ...rules.flatMap((rule, index) =>
      validateSuccessRule(rule, spec.completions ?? 0, `${at}.rules[${index}]`),
    ),
  ]
}

function validateSuccessRule(rule: SuccessPolicyRule, completions: number, at: string) {
  const { succeededCount, succeededIndexes } = rule
  const errors: FieldError[] = []
  let total = 0
  if (succeededCount === undefined && succeededIndexes === undefined) {
    const detail = 'at least one of succeededCount or succeededIndexes must be specified'
    errors.push(required(at, detail))
  }
  if (succeededIndexes !== undefined) {
    const field = `${at}.succeededIndexes`
    if (succeededIndexes.length > MAX_INDEXES_BYTES) errors.push(tooLong(field, MAX_INDEXES_BYTES))
    try {
      total = countIndexes(parseIndexes(succeededIndexes, completions))
    } catch (error) {
      const detail = `error parsing succeededIndexes: ${(error as Error).message}`
      errors.push(invalid(field, succeededIndexes, detail))
    }
  }
  if (succeededCount === undefined) return errors
  const field = `${at}.succeededCount`
  const atMost = (max: number, what: string) =>
    succeededCount > max
      ? [invalid(field, succeededCount, `must be less than or equal to ${max} (${what})`)]
      : []
  return [
    ...errors,
    ...validateCounts({ succeededCount }, ['succeededCount'], at),
    ...atMost(completions, 'the number of specified completions'),
    ...(succeededIndexes === undefined
      ? []
      : atMost(total, 'the number of indexes in the specified succeededIndexes field')),
  ]
}
