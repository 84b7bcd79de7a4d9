/** CEL, the language of rules: from text to a program. */
import { check } from './check.ts'
import { checkLiterals } from './check-literals.ts'
import type { Checked, Environment } from './environment.ts'
import { CompileError } from './issues.ts'
import { parse } from './parse.ts'

/** Parses an expression, and checks its types and literals. @throws CompileError */
export function compile(source: string, environment: Environment): Checked {
  const checked = check(parse(source), environment)
  const issues = checkLiterals(checked)
  if (issues.length > 0) throw new CompileError(issues)
  return checked
}
