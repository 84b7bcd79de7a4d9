/** Which types fit which, and what type parameters stand for. Source: cel-go checker/{types,mapping}.go. */
import { DYN, isDyn, isDynOrError, isSameType, type Kind, type Type } from './types.ts'

const NULLABLE: ReadonlySet<Kind> = new Set(['opaque', 'struct', 'duration', 'timestamp', 'null'])

/** Beyond what any honest expression needs; types may otherwise double with each use of a name. */
const MAX_STEPS = 2_000_000

export class Unifier {
  readonly #known = new Map<string, Type>()
  /** What was known before, to go back to where an attempt fails. */
  readonly #trail: (readonly [string, Type | undefined])[] = []
  #steps = 0
  #variables = 0

  newVariable(): Type {
    return { kind: 'param', name: `_var${this.#variables++}`, parameters: [] }
  }

  get isExhausted(): boolean {
    return this.#steps > MAX_STEPS
  }

  /** Whether a value of one can be where the other is wanted. What it learns of parameters is kept only if so. */
  isAssignable(from: Type, to: Type): boolean {
    return this.#attempt(() => this.#fits(from, to))
  }

  areAssignable(from: readonly Type[], to: readonly Type[]): boolean {
    return this.#attempt(() => this.#allFit(from, to))
  }

  #attempt(fits: () => boolean): boolean {
    const before = this.#trail.length
    const result = fits()
    if (!result) {
      for (const [name, type] of this.#trail.splice(before).reverse()) {
        if (type) this.#known.set(name, type)
        else this.#known.delete(name)
      }
    }
    return result
  }

  #set(parameter: Type, type: Type): void {
    this.#trail.push([parameter.name, this.#known.get(parameter.name)])
    this.#known.set(parameter.name, type)
  }

  #find({ kind, name }: Type): Type | undefined {
    return kind === 'param' ? this.#known.get(name) : undefined
  }

  #allFit(from: readonly Type[], to: readonly Type[]): boolean {
    return from.length === to.length && from.every((one, index) => this.#fits(one, to[index]!))
  }

  #fits(from: Type, to: Type): boolean {
    if (++this.#steps > MAX_STEPS) return false
    if (to.kind === 'param') {
      const { isValid, isKnown } = this.#substitutes(from, to)
      if (isValid || isKnown) return isValid
    }
    if (from.kind === 'param') return this.#substitutes(to, from).isValid
    if (isDynOrError(from) || isDynOrError(to)) return true
    if (from.kind === 'null') return NULLABLE.has(to.kind)
    if (to.kind === 'null') return NULLABLE.has(from.kind)
    if (from.kind !== to.kind) return false
    if (from.kind === 'type') return true
    return from.name === to.name && this.#allFit(from.parameters, to.parameters)
  }

  /** Whether `type` can stand for a parameter. */
  #substitutes(type: Type, parameter: Type): { isValid: boolean; isKnown: boolean } {
    if (isSameType(type, parameter)) return { isValid: true, isKnown: true }
    const known = this.#find(parameter)
    if (known) {
      if (isSameType(type, known)) return { isValid: true, isKnown: true }
      if (!this.#fits(type, known)) return { isValid: false, isKnown: true }
      const general = mostGeneral(type, known)
      if (!this.#occurs(parameter, general)) this.#set(parameter, general)
      return { isValid: true, isKnown: true }
    }
    if (this.#occurs(parameter, type)) return { isValid: false, isKnown: false }
    this.#set(parameter, type)
    return { isValid: true, isKnown: false }
  }

  #occurs(parameter: Type, inside: Type): boolean {
    if (++this.#steps > MAX_STEPS) return true
    if (isSameType(parameter, inside)) return true
    const known = this.#find(inside)
    if (known) return this.#occurs(parameter, known)
    return isOpen(inside) && inside.parameters.some((one) => this.#occurs(parameter, one))
  }

  /** The type of items, some of which are of others: whether literals may mix them is checked elsewhere. */
  join(before: Type | undefined, type: Type): Type {
    if (!before) return type
    return this.isAssignable(before, type) ? mostGeneral(before, type) : DYN
  }

  /** With what is known in place of parameters; unknown ones stay, or become dyn. */
  substitute(type: Type, unknownIsDyn = false): Type {
    if (!isOpen(type) || ++this.#steps > MAX_STEPS) return type
    const known = this.#find(type)
    if (known) return this.substitute(known, unknownIsDyn)
    if (type.kind === 'param') return unknownIsDyn ? DYN : type
    const parameters = type.parameters.map((one) => this.substitute(one, unknownIsDyn))
    return { ...type, parameters }
  }

  /** The types of an overload with parameters of its own. */
  instantiate(types: readonly Type[]): readonly Type[] {
    const fresh = new Map<string, Type>()
    const replace = (type: Type): Type => {
      if (!isOpen(type)) return type
      if (type.kind !== 'param') return { ...type, parameters: type.parameters.map(replace) }
      const one = fresh.get(type.name) ?? this.newVariable()
      fresh.set(type.name, one)
      return one
    }
    return types.map(replace)
  }
}

const open = new WeakMap<Type, boolean>()

/** Whether a type has parameters that stand for others. */
function isOpen(type: Type): boolean {
  if (type.kind === 'param') return true
  if (type.parameters.length === 0) return false
  let known = open.get(type)
  if (known === undefined) {
    known = type.parameters.some(isOpen)
    open.set(type, known)
  }
  return known
}

/** The one that says less, of two that fit. */
const mostGeneral = (a: Type, b: Type): Type => (isLessSpecific(a, b) ? a : b)

function isLessSpecific(a: Type, b: Type): boolean {
  if (a === b || isDyn(a) || a.kind === 'param') return true
  if (isDyn(b) || b.kind === 'param' || a.kind !== b.kind) return false
  if (a.kind === 'type') return true
  return (
    a.name === b.name &&
    a.parameters.length === b.parameters.length &&
    a.parameters.every((one, index) => isLessSpecific(one, b.parameters[index]!))
  )
}

const sizes = new WeakMap<Type, number>()

/** How many types it is made of: each counted as often as it is written. */
export function sizeOfType(type: Type): number {
  let size = sizes.get(type)
  if (size === undefined) {
    size = type.parameters.reduce((sum, one) => sum + sizeOfType(one), 1)
    sizes.set(type, size)
  }
  return size
}
