import type { Container } from '../core.ts'
import { type FieldError, notSupported, required, tooMany } from '../field-error.ts'

const policies = ['Always', 'Never', 'OnFailure']
const actions = ['Restart', 'RestartAllContainers']
const operators = ['In', 'NotIn']
const maxRules = 20
const maxExitCodes = 255

/** A container's own restart policy (KEP-5307). Source: core/validation v1.36, validateContainerRestartPolicy. */
export function validateRestartRules(
  { restartPolicy, restartPolicyRules: rules = [] }: Container,
  at: string,
): FieldError[] {
  const field = `${at}.restartPolicy`
  const missing = 'must specify restartPolicy when restart rules are used'
  const wrong =
    restartPolicy === undefined
      ? rules.length > 0
        ? [required(field, missing)]
        : []
      : policies.includes(restartPolicy)
        ? []
        : [notSupported(field, restartPolicy, policies)]
  return [
    ...wrong,
    ...(rules.length > maxRules
      ? [tooMany(`${at}.restartPolicyRules`, rules.length, maxRules)]
      : []),
    ...rules.flatMap(({ action = '', exitCodes }, index) => {
      const rule = `${at}.restartPolicyRules[${index}]`
      const { operator = '', values = [] } = exitCodes ?? {}
      return [
        ...(actions.includes(action) ? [] : [notSupported(`${rule}.action`, action, actions)]),
        ...(exitCodes ? [] : [required(`${rule}.exitCodes`, 'must be specified')]),
        ...(exitCodes && !operators.includes(operator)
          ? [notSupported(`${rule}.exitCodes.operator`, operator, operators)]
          : []),
        ...(values.length > maxExitCodes
          ? [tooMany(`${rule}.exitCodes.values`, values.length, maxExitCodes)]
          : []),
      ]
    }),
  ]
}
