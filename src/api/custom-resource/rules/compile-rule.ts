/** Rules as programs. Source: apiextensions-apiserver pkg/apiserver/schema/cel/compilation.go. */

import { compile } from '../../cel/compile.ts'
import type { Checked } from '../../cel/environment.ts'
import { estimate } from '../../cel/estimate.ts'
import { CompileError, formatIssues } from '../../cel/issues.ts'
import { type Program, plan } from '../../cel/plan.ts'
import type { ValidationRule } from '../../types/apiextensions.ts'
import type { JSONSchema } from '../json-schema.ts'
import { type Declaration, environmentOf, sizesOf } from './declare.ts'
import { readFieldPath } from './field-path.ts'

export interface CompiledRule {
  readonly rule: ValidationRule
  /** Absent where there is an error. */
  readonly program?: Program
  readonly error?: string
  readonly usesOldSelf: boolean
  /** What messageExpression says. */
  readonly message?: Program
  readonly messageError?: string
  /** As messages name the field that the rule is about. */
  readonly fieldPath?: string
}

/** What a rule may cost at most. */
export interface RuleCosts {
  readonly rule: number
  readonly message: number
}

type Written = { readonly checked: Checked; readonly program: Program } | { readonly error: string }

/** Compiles a rule of `schema`, which is declared as `self`. */
export function compileRule(
  rule: ValidationRule,
  schema: JSONSchema,
  self: Declaration,
): CompiledRule {
  return compileWithCosts(rule, schema, self, false).compiled
}

export function compileWithCosts(
  rule: ValidationRule,
  schema: JSONSchema,
  self: Declaration,
  wantsCosts = true,
): { readonly compiled: CompiledRule; readonly costs: RuleCosts } {
  const { rule: text = '', messageExpression = '', fieldPath = '', optionalOldSelf = false } = rule
  const environment = environmentOf(self, optionalOldSelf)
  const write = (source: string, type: 'bool' | 'string'): Written => {
    try {
      const checked = compile(source, environment)
      if (checked.type.kind !== type) return { error: MUST_BE[type] }
      return { checked, program: instantiate(checked, type) }
    } catch (error) {
      if (error instanceof CompileError)
        return { error: `${FAILED[type]}${formatIssues(error.issues, source)}` }
      if (error instanceof NotInstantiated) return { error: error.message }
      throw error
    }
  }
  const costOf = (written: Written | undefined) =>
    written && wantsCosts && 'checked' in written ? estimate(written.checked, sizesOf(self)).max : 0
  const main = write(text, 'bool')
  if ('error' in main)
    return { compiled: { rule, error: main.error, usesOldSelf: false }, costs: NO_COSTS }
  const message = messageExpression === '' ? undefined : write(messageExpression, 'string')
  const path = fieldPath === '' ? undefined : readFieldPath(fieldPath, schema)
  return {
    compiled: {
      rule,
      program: main.program,
      usesOldSelf: main.checked.variables.has('oldSelf'),
      ...(message &&
        ('error' in message ? { messageError: message.error } : { message: message.program })),
      ...(path ? { fieldPath: path } : {}),
    },
    costs: { rule: costOf(main), message: costOf(message) },
  }
}

const NO_COSTS: RuleCosts = { rule: 0, message: 0 }

const FAILED = { bool: 'compilation failed: ', string: 'messageExpression compilation failed: ' }
const MUST_BE = {
  bool: 'cel expression must evaluate to a bool',
  string: 'messageExpression must evaluate to a string',
}
const WITHOUT_VALUE = {
  bool: 'program instantiation failed: ',
  string: 'messageExpression instantiation failed: ',
}

/** The program of an expression may not be had though its types fit: `int('x')`. */
class NotInstantiated extends Error {}

function instantiate(checked: Checked, type: 'bool' | 'string'): Program {
  try {
    return plan(checked)
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    throw new NotInstantiated(`${WITHOUT_VALUE[type]}${error.message}`)
  }
}
